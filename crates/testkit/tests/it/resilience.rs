//! The suite of faults finds defects.

use icp_testkit::contract::{self, Subject};
use icp_testkit::faults::FaultyRepository;
use icp_testkit::memory::InMemoryDatabase;
use libtest_mimic::Trial;

use crate::defects::{Defect, Defective};
use crate::trials::{assert_fail, assert_pass};

fn trials(defect: Defect) -> Vec<Trial> {
    contract::resilience("defect", async move || {
        let repository = FaultyRepository::new(InMemoryDatabase::default());
        let network = repository.network();
        let repository = Defective::new(repository, defect);
        let faults = repository.observe(network);
        (Subject::new(repository), faults)
    })
}

#[test]
fn passes_repository_without_defect() {
    let quick = [
        "insert_with_lost_answer",
        "reads_are_repeated",
        "undelete_with",
        "failed_writes",
        "recovers_after_lost",
    ];
    let mut trials = trials(Defect::None);
    trials.retain(|trial| quick.iter().any(|name| trial.name().contains(name)));
    assert_pass(trials);
}

#[test]
fn finds_repeated_writes() {
    let cases = [
        "insert_with_lost_answer_is_not_repeated",
        "replace_with_lost_answer_is_not_repeated",
        "delete_with_lost_answer_is_not_repeated",
        "undelete_with_lost_answer_is_not_repeated",
    ];
    assert_fail(trials(Defect::RepeatsWrites), &cases);
}

#[test]
fn finds_missing_recovery() {
    let cases = ["recovers_after_hang", "recovers_after_outage", "many_calls_to_hanging_storage_end_in_time"];
    assert_fail(trials(Defect::NeverRecovers), &cases);
}

#[test]
fn finds_late_answers() {
    assert_fail(trials(Defect::AnswersLate), &["hanging_storage_is_unavailable_within_five_seconds"]);
}

#[test]
fn finds_confirmation_during_outage() {
    let cases = [
        "hanging_storage_is_unavailable_within_five_seconds",
        "unreachable_storage_is_unavailable_within_five_seconds",
    ];
    assert_fail(trials(Defect::ConfirmsFromMemory), &cases);
}

#[test]
fn finds_cached_health() {
    assert_fail(trials(Defect::CachesHealth), &["health_follows_storage"]);
}

#[test]
fn finds_unrepeated_reads() {
    for defect in [Defect::FailsFirstReadAfterCut, Defect::FailsHistoryAfterCut] {
        assert_fail(trials(defect), &["reads_are_repeated_after_lost_connections"]);
    }
}

#[test]
fn finds_failed_write_that_is_done_later() {
    assert_fail(trials(Defect::RepeatsRemovalLater), &["failed_writes_change_nothing"]);
}
