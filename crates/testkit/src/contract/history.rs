//! The contract of [`icp_ports::IcpHistory`], and of the writes that fill it.
#![expect(clippy::indexing_slicing, reason = "a case that panics fails")]

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

/// The suite of [`icp_ports::IcpHistory`] and [`ForgetUser`]. It seeds the storage with [`IcpRepository::insert`].
///
/// `make` returns a fresh, empty storage that is ready for use: its migrations, if it has any, are applied.
pub fn history<R: IcpRepository + ImportExport + ForgetUser + 'static>(
    name: &str,
    make: impl AsyncFn() -> Subject<R> + Clone + Send + 'static,
) -> Vec<Trial> {
    trials![
        name, make, |subject| TestHistory::from(subject);
        revisions::new_icp_has_one_revision,
        revisions::every_change_is_a_revision,
        revisions::revision_has_document_of_its_time,
        revisions::unknown_fields_come_back_byte_for_byte,
        revisions::actor_and_source_are_kept,
        revisions::pages_add_up_to_history,
        revisions::failed_change_leaves_no_revision,
        revisions::change_without_history_leaves_no_revision,
        revisions::other_version_is_no_revision,
        access::history_access_follows_current_users,
        access::history_access_of_deleted_icp_follows_last_users,
        access::agrees_with_access_rule,
        access::text_with_u0000_has_no_access,
        deleted::delete_is_newest_revision,
        deleted::deleted_icps_are_newest_first,
        deleted::pages_add_up_to_deleted_icps,
        deleted::max_bytes_bounds_page,
        deleted::delete_without_history_is_not_listed,
        deleted::icp_inserted_again_is_not_deleted,
        undelete::undelete_brings_icp_back,
        undelete::history_goes_on_after_undelete,
        undelete::undelete_of_other_version_changes_nothing,
        undelete::deleted_again_is_listed_once,
        undelete::many_users_get_their_icp_back,
        retention::old_revisions_are_removed,
        retention::delete_is_removed_with_its_state,
        retention::old_revisions_are_hidden_before_removal,
        retention::current_state_is_never_removed,
        retention::removal_during_changes_removes_nothing_new,
        quotas::history_counts_for_creator,
        quotas::deleted_icps_count_for_creator,
        quotas::removal_frees_quota,
        quotas::removal_frees_quota_of_deleted_icp,
        quotas::undelete_stays_within_quota,
        quotas::icp_without_creator_counts_alone,
        imports::replacing_import_is_a_change,
        imports::import_without_history_leaves_no_revision,
        imports::imported_icp_is_no_longer_deleted,
        forget::forgotten_user_is_in_no_history,
        forget::everything_else_stays,
        forget::every_part_is_done,
        concurrency::concurrent_changes_are_in_history_once_and_in_order,
        concurrency::one_of_16_undeletes_succeeds,
        concurrency::concurrent_deletes_and_undeletes_leave_icp_consistent,
    ]
}
