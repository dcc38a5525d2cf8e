//! The contract suites.

mod authenticator;
mod concurrency;
mod lists;
mod pages;
mod records;
mod repeats;
mod support;
mod transfers;

use std::process::ExitCode;
use std::sync::Arc;

use icp_ports::{IcpRepository, IcpTransfer, Schema};
use libtest_mimic::{Arguments, Trial};

pub use authenticator::{SignIn, authenticator};

/// What the repository suite tests: one fresh, empty storage.
pub struct Subject {
    repository: Arc<dyn IcpRepository>,
    transfer: Arc<dyn IcpTransfer>,
    schema: Arc<dyn Schema>,
    kept: Box<dyn Send + Sync>,
}

impl Subject {
    /// A storage whose ports are one type.
    pub fn new<D: IcpRepository + IcpTransfer + Schema + 'static>(database: D) -> Self {
        let database = Arc::new(database);
        Self {
            repository: database.clone(),
            transfer: database.clone(),
            schema: database,
            kept: Box::new(()),
        }
    }

    /// Keeps something until the case is over, such as the folder in which the storage lies.
    #[must_use]
    pub fn keeping(self, kept: impl Send + Sync + 'static) -> Self {
        Self { kept: Box::new((self.kept, kept)), ..self }
    }
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Subject").finish_non_exhaustive()
    }
}

/// The suite of `IcpRepository`, `IcpTransfer` and `Schema`: a trial for each case, and a fresh subject from `make` for
/// each trial. The subject's schema is migrated by the suite.
pub fn repository<F>(name: &str, make: impl Fn() -> F + Clone + Send + 'static) -> Vec<Trial>
where
    F: Future<Output = Subject> + Send,
{
    // A case is private and named here alone: one that is forgotten is dead code, and the compiler says so.
    macro_rules! trials {
        ($($module:ident::$case:ident),+ $(,)?) => {
            vec![$(support::trial(
                format!("{name}::{}", concat!(stringify!($module), "::", stringify!($case))),
                { let make = make.clone(); async move || support::migrated(make().await).await },
                $module::$case,
            )),+]
        };
    }
    trials![
        lists::an_unknown_user_has_an_empty_list,
        lists::holds_the_icps_that_name_the_user_and_no_other,
        lists::agrees_with_the_access_rule_on_many_users,
        lists::is_ordered_by_creation_then_id,
        lists::keeps_the_order_at_the_ends_of_time,
        lists::holds_expired_icps,
        lists::serves_the_text_that_was_stored,
        lists::keeps_what_it_does_not_understand,
        lists::compares_user_ids_byte_for_byte,
        lists::names_an_icp_once_that_names_the_user_twice,
        lists::an_icp_without_users_is_in_no_list,
        lists::takes_user_ids_that_look_like_sql,
        lists::holds_thousands,
        lists::serves_many_at_once,
        pages::every_filter_in_every_order_holds_what_it_should,
        pages::pages_come_to_the_whole_in_every_order,
        pages::a_list_ends_with_the_icp_that_reaches_its_bytes,
        pages::a_long_list_comes_to_the_whole_in_parts,
        pages::lists_of_every_length_are_whole,
        pages::many_who_ask_at_once_each_get_their_own,
        pages::a_page_starts_after_its_place_also_when_that_icp_is_gone,
        pages::a_list_has_another_version_after_every_change,
        pages::the_version_of_a_page_tells_whether_there_are_more,
        pages::what_stands_untouched_is_seen_once_while_others_write,
        records::is_found_by_its_members_and_by_admins,
        records::tells_what_is_forbidden_from_what_is_absent,
        records::without_users_is_for_admins_alone,
        records::serves_the_text_that_was_stored,
        records::is_listed_once_created,
        records::is_not_created_twice,
        records::changes_at_the_version_that_was_read,
        records::does_not_change_at_another_version,
        records::is_gone_once_deleted,
        records::takes_another_version_with_every_import,
        records::goes_on_above_its_old_versions_when_it_comes_back,
        records::takes_thousands_of_users_in_and_out,
        repeats::a_repeated_create_has_the_first_outcome,
        repeats::a_repeated_create_has_it_also_when_the_icp_is_changed_or_gone,
        repeats::another_request_with_the_same_key_is_told_so,
        repeats::keys_are_each_users_own_and_compared_byte_for_byte,
        repeats::a_key_counts_for_a_day,
        repeats::a_create_that_fails_uses_no_key,
        repeats::old_keys_are_removed_and_others_stay,
        repeats::of_many_with_one_key_at_once_one_creates,
        repeats::of_many_with_an_expired_key_at_once_one_creates,
        concurrency::changes_deletes_and_imports_of_one_icp_leave_it_whole,
        concurrency::no_change_of_64_tasks_is_lost,
        concurrency::of_64_changes_to_one_version_one_succeeds,
        concurrency::of_64_deletes_one_succeeds,
        concurrency::a_reader_sees_whole_states_only,
        transfers::an_import_is_all_or_nothing,
        transfers::fails_on_an_id_that_is_there,
        transfers::fails_on_an_id_that_comes_twice,
        transfers::skips_what_is_there,
        transfers::replaces_what_is_there_and_who_may_see_it,
        transfers::replaces_with_the_last_of_several,
        transfers::takes_a_source_without_documents,
        transfers::exports_in_order_of_ids_what_was_imported,
        transfers::an_export_ends_with_its_sink,
        transfers::is_up_to_date_after_migrating,
        transfers::is_healthy,
    ]
}

/// Runs trials as a test program: put it into `main` of a test target with `harness = false`.
pub fn run(trials: Vec<Trial>) -> ExitCode {
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
