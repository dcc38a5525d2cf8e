//! The suite of `IcpRepository` finds defects.

use icp_testkit::contract::{self, Subject};
use icp_testkit::memory::InMemoryDatabase;

use crate::defects::{Defect, Defective};
use crate::trials::assert_fail;

#[track_caller]
fn assert_found(defect: Defect, cases: &[&str]) {
    let trials = contract::repository("defect", async move || {
        Subject::new(Defective::new(InMemoryDatabase::default(), defect))
    });
    assert_fail(trials, cases);
}

#[test]
fn finds_stale_confirmation() {
    assert_found(
        Defect::ConfirmsFromMemory,
        &[
            "conditional_reads::every_change_makes_known_list_version_stale",
            "conditional_reads::revoked_access_is_gone_from_next_read",
            "conditional_reads::known_list_version_is_never_stale",
        ],
    );
}

#[test]
fn finds_wrong_parts_and_versions() {
    let parts =
        ["parts::list_ends_with_document_that_reaches_max_bytes", "parts::max_bytes_bounds_list_and_part"];
    assert_found(Defect::IgnoresMaxBytes, &parts);
    let parts = ["parts::parts_add_up_to_list", "parts::documents_of_all_sizes_are_complete"];
    assert_found(Defect::PartsSkipAnIcp, &parts);
    assert_found(Defect::CutChangesVersion, &["list_versions::ignores_max_bytes"]);
}

#[test]
fn finds_mishandled_keys() {
    let concurrent = [
        "idempotency::repeated_insert_returns_first_outcome",
        "idempotency::concurrent_inserts_with_one_key_create_once",
        "idempotency::concurrent_inserts_with_expired_key_create_once",
    ];
    assert_found(Defect::IgnoresKeys, &concurrent);
    assert_found(Defect::FailedInsertUsesKey, &["idempotency::failed_insert_does_not_use_up_key"]);
    let existing =
        ["icps::second_insert_of_id_already_exists", "idempotency::existing_id_is_reported_with_key"];
    assert_found(Defect::ReportsExistingIdAsFailure, &existing);
}

#[test]
fn finds_lost_changes() {
    let cases = [
        "icps::does_not_change_at_other_version",
        "concurrency::compare_and_swap_loses_no_change",
        "concurrency::one_of_64_changes_succeeds",
    ];
    assert_found(Defect::IgnoresExpectedVersion, &cases);
}

#[test]
fn finds_ignored_quotas() {
    let cases = [
        "quotas::quota_counts_icps_of_their_creator",
        "quotas::quota_counts_bytes_of_icps_and_keys",
        "quotas::quota_counts_keys_of_deleted_icps",
        "quotas::long_icp_grows_within_quota_of_its_creator",
        "quotas::concurrent_inserts_reach_quota",
    ];
    assert_found(Defect::IgnoresQuotas, &cases);
}

#[test]
fn finds_rejected_u0000() {
    assert_found(Defect::FailsOnU0000, &["lists::unknown_user_has_empty_list"]);
}

#[test]
fn finds_faulty_histories() {
    let assert_found = |defect, cases: &[&str]| {
        let trials = contract::history("defect", async move || {
            Subject::new(Defective::new(InMemoryDatabase::default(), defect))
        });
        assert_fail(trials, cases);
    };
    let lost = [
        "revisions::every_change_is_a_revision",
        "revisions::revision_has_document_of_its_time",
        "concurrency::concurrent_changes_are_in_history_once_and_in_order",
    ];
    assert_found(Defect::LosesRevisions, &lost);
    let shown = [
        "access::history_access_follows_current_users",
        "access::history_access_of_deleted_icp_follows_last_users",
        "access::agrees_with_access_rule",
        "access::text_with_u0000_has_no_access",
    ];
    assert_found(Defect::ShowsHistoryToAll, &shown);
    let undeleted =
        ["undelete::undelete_of_other_version_changes_nothing", "concurrency::one_of_16_undeletes_succeeds"];
    assert_found(Defect::UndeletesAnyVersion, &undeleted);
    let removed =
        ["retention::old_revisions_are_removed", "retention::removal_during_changes_removes_nothing_new"];
    assert_found(Defect::RemovesNewRevisions, &removed);
    let traces = ["forget::forgotten_user_is_in_no_history", "forget::every_part_is_done"];
    assert_found(Defect::ForgetsNobody, &traces);
    let unlimited = [
        "quotas::history_counts_for_creator",
        "quotas::deleted_icps_count_for_creator",
        "quotas::undelete_stays_within_quota",
        "quotas::icp_without_creator_counts_alone",
    ];
    assert_found(Defect::IgnoresQuotas, &unlimited);
}
