//! Runs trials, some of which must fail.

use libtest_mimic::{Arguments, Trial};

/// Runs trials at once. Returns the number that fail.
fn failures(trials: Vec<Trial>) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let arguments = Arguments {
        // Trials that fail wait more than they compute.
        test_threads: Some(trials.len()),
        logfile: Some(folder.path().join("log").to_str().unwrap().to_owned()),
        ..Arguments::default()
    };
    libtest_mimic::run(&arguments, trials).num_failed
}

/// Fails unless each of these cases of the suite fails. The output names those that pass.
#[track_caller]
pub(crate) fn assert_fail(trials: Vec<Trial>, cases: &[&str]) {
    let is_case = |trial: &Trial| cases.iter().any(|case| trial.name() == format!("defect::{case}"));
    let trials: Vec<_> = trials.into_iter().filter(is_case).collect();
    assert_eq!(trials.len(), cases.len(), "the suite lacks a case of {cases:?}");
    let passed = cases.len() as u64 - failures(trials);
    assert_eq!(passed, 0, "{passed} of {cases:?} pass despite the defect");
}

/// Fails unless every case of the suite passes.
#[track_caller]
pub(crate) fn assert_pass(trials: Vec<Trial>) {
    assert!(!trials.is_empty());
    assert_eq!(failures(trials), 0);
}
