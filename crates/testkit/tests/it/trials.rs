//! Runs trials that must fail.

use libtest_mimic::{Arguments, Trial};

/// Runs one trial. Returns true if it passes.
fn passes(trial: Trial) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let arguments = Arguments {
        test_threads: Some(1),
        logfile: Some(folder.path().join("log").to_str().unwrap().to_owned()),
        ..Arguments::default()
    };
    !libtest_mimic::run(&arguments, vec![trial]).has_failed()
}

/// Fails unless each of these cases of the suite fails.
#[track_caller]
pub(crate) fn assert_fail(trials: Vec<Trial>, cases: &[&str]) {
    let mut trials = trials;
    for case in cases {
        let position = trials.iter().position(|trial| trial.name() == format!("defect::{case}"));
        let trial = trials.swap_remove(position.unwrap_or_else(|| panic!("the suite has no case {case}")));
        assert!(!passes(trial), "{case} passes despite the defect");
    }
}

/// Fails unless every case of the suite passes.
#[track_caller]
pub(crate) fn assert_pass(trials: Vec<Trial>) {
    assert!(!trials.is_empty());
    for trial in trials {
        let name = trial.name().to_owned();
        assert!(passes(trial), "{name} fails");
    }
}
