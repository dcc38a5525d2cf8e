//! The contract of [`IcpRepository`], and of [`icp_ports::IcpReader`], which is its supertrait.

mod concurrency;
mod conditional_reads;
mod filters;
mod icps;
mod idempotency;
mod list_versions;
mod lists;
mod pages;
mod parts;
mod quotas;
pub(super) mod support;

use icp_ports::{Health, IcpRepository};
use libtest_mimic::Trial;

use super::Subject;
use super::trial::trials;
use support::TestRepository;

/// The suite of [`IcpRepository`]. It fills the storage with [`IcpRepository::insert`].
///
/// `make` returns an adapter on a fresh, empty storage, to which all migrations have been applied.
pub fn repository<R: IcpRepository + 'static>(
    name: &str,
    make: impl AsyncFn() -> Subject<R> + Clone + Send + 'static,
) -> Vec<Trial> {
    trials![
        name, make, |subject| TestRepository::from(subject);
        lists::unknown_user_has_empty_list,
        lists::contains_exactly_icps_with_user_id,
        lists::agrees_with_access_rule,
        lists::is_ordered_by_creation_then_id,
        lists::orders_earliest_and_latest_times,
        lists::contains_expired_icps,
        lists::returns_stored_text,
        lists::keeps_unknown_fields,
        lists::compares_user_ids_byte_by_byte,
        lists::contains_icp_once_despite_repeated_user_id,
        lists::icp_without_user_ids_is_in_no_list,
        lists::accepts_user_ids_that_look_like_sql,
        lists::contains_two_thousand_icps,
        lists::is_complete_at_every_length,
        lists::concurrent_lists_belong_to_their_users,
        filters::every_filter_matches_exactly_in_every_order,
        filters::u0000_in_filter_or_cursor_is_accepted,
        pages::pages_add_up_to_list,
        pages::page_after_cursor_of_deleted_icp_starts_with_next_icp,
        pages::icps_without_active_until_are_on_last_pages,
        pages::writes_do_not_move_other_icps_between_pages,
        parts::list_ends_with_document_that_reaches_max_bytes,
        parts::max_bytes_bounds_list_and_part,
        parts::part_agrees_with_list,
        parts::parts_add_up_to_list,
        parts::documents_of_all_sizes_are_complete,
        list_versions::list_change_changes_version,
        list_versions::active_until_change_changes_version,
        list_versions::other_users_icps_do_not_change_version,
        list_versions::max_bytes_does_not_change_version,
        list_versions::page_version_depends_on_following_icps,
        conditional_reads::list_if_changed_agrees_with_list,
        conditional_reads::get_if_changed_agrees_with_get,
        conditional_reads::every_change_changes_list_version,
        conditional_reads::every_change_changes_icp_version,
        conditional_reads::next_read_respects_revoked_access,
        conditional_reads::unchanged_list_is_never_stale,
        conditional_reads::unchanged_icp_is_never_stale,
        icps::only_users_and_admins_can_get_icp,
        icps::forbidden_differs_from_absent,
        icps::icp_without_user_ids_is_only_for_admins,
        icps::returns_stored_text,
        icps::inserted_icp_is_listed,
        icps::second_insert_of_id_already_exists,
        icps::replace_succeeds_at_expected_version,
        icps::writes_fail_at_other_version,
        icps::deleted_icp_is_absent_and_cannot_change,
        icps::version_grows_after_delete_and_insert,
        icps::replace_accepts_ten_thousand_user_ids,
        idempotency::repeated_insert_returns_first_outcome,
        idempotency::repeated_insert_ignores_later_changes,
        idempotency::reused_key_with_other_fingerprint_is_reported,
        idempotency::keys_belong_to_users_byte_by_byte,
        idempotency::keys_have_up_to_255_characters,
        idempotency::key_is_valid_for_24_hours,
        idempotency::existing_id_is_reported_with_key,
        idempotency::failed_insert_does_not_use_up_key,
        idempotency::expired_keys_can_be_reused,
        idempotency::concurrent_inserts_with_one_key_create_once,
        idempotency::concurrent_inserts_with_expired_key_create_once,
        quotas::quota_counts_icps_of_their_creator,
        quotas::quota_counts_bytes_of_icps_and_keys,
        quotas::quota_counts_keys_of_deleted_icps,
        quotas::repeated_insert_succeeds_beyond_quota,
        quotas::long_icp_grows_within_quota_of_its_creator,
        quotas::icp_may_grow_up_to_quota,
        quotas::concurrent_inserts_reach_quota,
        concurrency::concurrent_writes_leave_icp_consistent,
        concurrency::compare_and_swap_loses_no_change,
        concurrency::one_of_64_changes_succeeds,
        concurrency::one_of_64_deletes_succeeds,
        concurrency::one_of_16_inserts_of_id_succeeds,
        concurrency::readers_see_no_partial_states,
        health_is_ok,
    ]
}

async fn health_is_ok(repository: TestRepository) {
    assert_eq!(repository.health().await, Health::Ok);
}
