//! The suites of `IcpRepository` and `IcpHistory` fail for repositories with defects.

use icp_testkit::contract::{self, Subject};
use icp_testkit::memory::InMemoryDatabase;

use crate::defects::{Defect, DefectiveRepository};
use crate::trials::assert_fail;

#[track_caller]
fn assert_detected(defect: Defect, cases: &[&str]) {
    let trials = contract::repository("defect", async move || {
        Subject::new(DefectiveRepository::new(InMemoryDatabase::default(), defect))
    });
    assert_fail(trials, cases);
}

#[test]
fn suite_detects_confirmed_stale_versions() {
    assert_detected(
        Defect::ConfirmsVersionsFromCache,
        &[
            "conditional_reads::every_change_changes_list_version",
            "conditional_reads::next_read_respects_revoked_access",
            "conditional_reads::unchanged_list_is_never_stale",
        ],
    );
}

#[test]
fn suite_detects_wrong_parts_and_versions() {
    let parts =
        ["parts::list_ends_with_document_that_reaches_max_bytes", "parts::max_bytes_bounds_list_and_part"];
    assert_detected(Defect::IgnoresMaxBytes, &parts);
    let parts = ["parts::parts_add_up_to_list", "parts::documents_of_all_sizes_are_complete"];
    assert_detected(Defect::PartsSkipAnIcp, &parts);
    assert_detected(Defect::MaxBytesChangesVersion, &["list_versions::max_bytes_does_not_change_version"]);
}

#[test]
fn suite_detects_wrong_use_of_keys() {
    let concurrent = [
        "idempotency::repeated_insert_returns_first_outcome",
        "idempotency::concurrent_inserts_with_one_key_create_once",
        "idempotency::concurrent_inserts_with_expired_key_create_once",
    ];
    assert_detected(Defect::IgnoresKeys, &concurrent);
    assert_detected(Defect::FailedInsertUsesKey, &["idempotency::failed_insert_does_not_use_up_key"]);
    let existing =
        ["icps::second_insert_of_id_already_exists", "idempotency::existing_id_is_reported_with_key"];
    assert_detected(Defect::ReportsExistingIdAsFailure, &existing);
}

#[test]
fn suite_detects_lost_changes() {
    let cases = [
        "icps::writes_fail_at_other_version",
        "concurrency::compare_and_swap_loses_no_change",
        "concurrency::one_of_64_changes_succeeds",
    ];
    assert_detected(Defect::IgnoresExpectedVersion, &cases);
}

#[test]
fn suite_detects_ignored_quotas() {
    let cases = [
        "quotas::quota_counts_icps_of_their_creator",
        "quotas::quota_counts_bytes_of_icps_and_keys",
        "quotas::quota_counts_keys_of_deleted_icps",
        "quotas::long_icp_grows_within_quota_of_its_creator",
        "quotas::concurrent_inserts_reach_quota",
    ];
    assert_detected(Defect::IgnoresQuotas, &cases);
}

#[test]
fn suite_detects_error_for_u0000() {
    assert_detected(Defect::FailsOnU0000, &["lists::unknown_user_has_empty_list"]);
}

#[test]
fn suite_detects_defects_of_histories() {
    let assert_detected = |defect, cases: &[&str]| {
        let trials = contract::history("defect", async move || {
            Subject::new(DefectiveRepository::new(InMemoryDatabase::default(), defect))
        });
        assert_fail(trials, cases);
    };
    let lost = [
        "revisions::each_change_creates_one_revision",
        "revisions::revision_has_document_of_its_time",
        "concurrency::concurrent_changes_are_recorded_once_in_order",
    ];
    assert_detected(Defect::LosesRevisions, &lost);
    let shown = [
        "access::history_access_follows_current_users",
        "access::history_access_of_deleted_icp_follows_last_users",
        "access::agrees_with_access_rule",
        "access::odd_user_ids_have_no_access",
    ];
    assert_detected(Defect::ShowsHistoryToAll, &shown);
    let undeleted =
        ["undelete::undelete_of_other_version_changes_nothing", "concurrency::one_of_16_undeletes_succeeds"];
    assert_detected(Defect::UndeletesAnyVersion, &undeleted);
    let removed =
        ["retention::old_revisions_are_removed", "retention::removal_during_changes_keeps_new_revisions"];
    assert_detected(Defect::RemovesNewRevisions, &removed);
    let traces = ["forget::forgotten_user_is_in_no_history", "forget::forget_processes_every_part"];
    assert_detected(Defect::IgnoresForget, &traces);
    let unlimited = [
        "quotas::history_counts_for_creator",
        "quotas::deleted_icps_count_for_creator",
        "quotas::undelete_stays_within_quota",
        "quotas::icp_without_creator_has_its_own_quota",
    ];
    assert_detected(Defect::IgnoresQuotas, &unlimited);
}
