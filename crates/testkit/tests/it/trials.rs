//! Runs trials, some of which must fail.

use libtest_mimic::{Arguments, Trial};

/// Runs all trials concurrently. Returns the number of trials that fail.
fn count_failures(trials: Vec<Trial>) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let arguments = Arguments {
        // Each trial has its own thread, because failing trials mostly wait.
        test_threads: Some(trials.len()),
        logfile: Some(folder.path().join("log").to_str().unwrap().to_owned()),
        ..Arguments::default()
    };
    libtest_mimic::run(&arguments, trials).num_failed
}

/// Runs the trials of `cases`. Fails unless all of them fail.
#[track_caller]
pub(crate) fn assert_fail(trials: Vec<Trial>, cases: &[&str]) {
    let is_case = |trial: &Trial| cases.iter().any(|case| trial.name() == format!("defect::{case}"));
    let trials: Vec<_> = trials.into_iter().filter(is_case).collect();
    assert_eq!(trials.len(), cases.len(), "the suite must have all of the cases {cases:?}");
    let passed = cases.len() as u64 - count_failures(trials);
    assert_eq!(passed, 0, "{passed} of {cases:?} pass despite the defect");
}

/// Fails unless all trials pass.
#[track_caller]
pub(crate) fn assert_pass(trials: Vec<Trial>) {
    assert!(!trials.is_empty());
    assert_eq!(count_failures(trials), 0);
}
