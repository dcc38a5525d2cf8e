//! The resilience suite passes for a correct repository, and fails for repositories with defects.

use icp_testkit::contract::{self, Subject};
use icp_testkit::faults::FaultyRepository;
use icp_testkit::memory::InMemoryDatabase;
use libtest_mimic::Trial;

use crate::defects::{Defect, DefectiveRepository};
use crate::trials::{assert_fail, assert_pass};

fn trials(defect: Defect) -> Vec<Trial> {
    contract::resilience("defect", async move || {
        let repository = FaultyRepository::new(InMemoryDatabase::default());
        let network = repository.network();
        let repository = DefectiveRepository::new(repository, defect);
        let faults = repository.observe_faults(network);
        (Subject::new(repository), faults)
    })
}

#[test]
fn suite_passes_for_correct_repository() {
    let quick_cases = [
        "insert_with_lost_response",
        "reads_are_repeated",
        "undelete_with",
        "failed_writes",
        "recovers_after_lost",
    ];
    let mut trials = trials(Defect::None);
    trials.retain(|trial| quick_cases.iter().any(|name| trial.name().contains(name)));
    assert_pass(trials);
}

#[test]
fn suite_detects_repeated_writes() {
    let cases = [
        "insert_with_lost_response_is_not_repeated",
        "replace_with_lost_response_is_not_repeated",
        "delete_with_lost_response_is_not_repeated",
        "undelete_with_lost_response_is_not_repeated",
    ];
    assert_fail(trials(Defect::RepeatsWrites), &cases);
}

#[test]
fn suite_detects_missing_recovery() {
    let cases = ["recovers_after_hang", "recovers_after_outage", "many_calls_to_hanging_storage_end_in_time"];
    assert_fail(trials(Defect::NeverRecovers), &cases);
}

#[test]
fn suite_detects_late_responses() {
    assert_fail(trials(Defect::RespondsLate), &["hanging_storage_is_unavailable_within_five_seconds"]);
}

#[test]
fn suite_detects_confirmed_versions_during_outage() {
    let cases = [
        "hanging_storage_is_unavailable_within_five_seconds",
        "unreachable_storage_is_unavailable_within_five_seconds",
    ];
    assert_fail(trials(Defect::ConfirmsVersionsFromCache), &cases);
}

#[test]
fn suite_detects_cached_health() {
    assert_fail(trials(Defect::CachesHealth), &["health_reports_state_of_storage"]);
}

#[test]
fn suite_detects_missing_repetition_of_reads() {
    for defect in [Defect::FailsFirstReadAfterCut, Defect::FailsHistoryAfterCut] {
        assert_fail(trials(defect), &["reads_are_repeated_after_lost_connections"]);
    }
}

#[test]
fn suite_detects_failed_write_that_is_executed_later() {
    assert_fail(trials(Defect::ExecutesFailedRemovalLater), &["failed_writes_change_nothing"]);
}
