//! The contract of [`icp_ports::IcpHistory`], and of the writes that create revisions.
#![expect(clippy::indexing_slicing, reason = "a panic fails the test case")]

mod access;
mod concurrency;
mod deleted;
mod forget;
mod imports;
mod quotas;
mod retention;
mod revisions;
pub(super) mod support;
mod undelete;

use icp_ports::{ForgetUser, IcpRepository, ImportExport};
use libtest_mimic::Trial;

use super::Subject;
use super::trial::trials;
use support::TestHistory;

/// The suite of [`icp_ports::IcpHistory`] and [`ForgetUser`]. It fills the storage with [`IcpRepository::insert`] and
/// [`ImportExport::import`].
///
/// `make` returns an adapter on a fresh, empty storage, to which all migrations have been applied.
pub fn history<R: IcpRepository + ImportExport + ForgetUser + 'static>(
    name: &str,
    make: impl AsyncFn() -> Subject<R> + Clone + Send + 'static,
) -> Vec<Trial> {
    trials![
        name, make, |subject| TestHistory::from(subject);
        revisions::new_icp_has_one_revision,
        revisions::each_change_creates_one_revision,
        revisions::revision_has_document_of_its_time,
        revisions::unknown_fields_are_kept_byte_for_byte,
        revisions::actor_and_source_are_kept,
        revisions::pages_add_up_to_history,
        revisions::failed_change_leaves_no_revision,
        revisions::change_without_history_leaves_no_revision,
        revisions::unknown_version_has_no_revision,
        access::history_access_follows_current_users,
        access::history_access_of_deleted_icp_follows_last_users,
        access::agrees_with_access_rule,
        access::odd_user_ids_have_no_access,
        deleted::delete_is_newest_revision,
        deleted::deleted_icps_are_newest_first,
        deleted::pages_add_up_to_deleted_icps,
        deleted::max_bytes_bounds_page,
        deleted::delete_without_history_is_not_listed,
        deleted::reinserted_icp_is_not_listed_as_deleted,
        undelete::undelete_restores_icp,
        undelete::history_continues_after_undelete,
        undelete::undelete_without_history_keeps_earlier_revisions,
        undelete::undelete_of_other_version_changes_nothing,
        undelete::icp_deleted_twice_is_listed_once,
        undelete::undelete_restores_access_of_many_users,
        retention::old_revisions_are_removed,
        retention::delete_is_removed_with_deleted_state,
        retention::old_revisions_are_hidden_before_removal,
        retention::current_state_is_never_removed,
        retention::removal_during_changes_keeps_new_revisions,
        quotas::history_counts_for_creator,
        quotas::deleted_icps_count_for_creator,
        quotas::removal_frees_quota,
        quotas::removal_frees_quota_of_deleted_icp,
        quotas::removal_frees_quota_of_deleted_icps_creator,
        quotas::undelete_stays_within_quota,
        quotas::icp_without_creator_has_its_own_quota,
        imports::replacing_import_creates_revision,
        imports::replaced_icp_keeps_its_creator,
        imports::import_without_history_leaves_no_revision,
        imports::imported_icp_is_no_longer_deleted,
        forget::forgotten_user_is_in_no_history,
        forget::user_id_with_quotes_is_forgotten,
        forget::forget_changes_no_other_data,
        forget::forget_processes_every_part,
        concurrency::concurrent_changes_are_recorded_once_in_order,
        concurrency::one_of_16_undeletes_succeeds,
        concurrency::concurrent_deletes_and_undeletes_leave_icp_consistent,
    ]
}
