//! Tests that expensive bodies are validated quickly, on a small stack, and with a bounded number of violations.

use std::time::{Duration, Instant};

use icp_domain::{Icp, Rules, ValidationErrors, limits};

use super::support::{FULL, patched, with_provider_filters};

const MEBIBYTE: usize = 1 << 20;

/// Runs a closure in a thread with a stack of 2 MiB, the default of Rust.
pub(crate) fn run_on_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn assert_bounded(violations: &ValidationErrors) {
    assert!(violations.all().len() <= limits::VIOLATIONS, "too many violations are reported");
    let bytes: usize = violations.all().iter().map(|violation| violation.pointer.as_str().len()).sum();
    assert!(bytes <= limits::VIOLATION_POINTER_BYTES, "{bytes} bytes of pointers");
}

/// Decodes the text by the rules for requests, imports and stored ICPs, because a stored text may also be expensive.
fn assert_handled_quickly(text: &str) {
    for rules in [Rules::Strict, Rules::Storable, Rules::Stored] {
        assert_read_quickly(text.to_owned(), rules);
    }
}

fn assert_refused_quickly(text: String) {
    assert_read_quickly(text, Rules::Strict);
}

/// The time limit allows for a debug build on a busy machine. Quadratic work would take minutes.
fn assert_read_quickly(text: String, rules: Rules) {
    run_on_small_stack(move || {
        let start = Instant::now();
        let result = Icp::from_json(&text, rules);
        assert!(start.elapsed() < Duration::from_secs(10), "took {:?} with {rules:?}", start.elapsed());
        assert!(rules != Rules::Strict || result.is_err(), "the strict rules must refuse the text");
        if let Err(violations) = result {
            assert_bounded(&violations);
        }
    });
}

#[test]
fn unclosed_deep_nesting_is_refused_quickly() {
    for opening in ["[", r#"{"a":"#, r#"[{"a":"#, "[[1],"] {
        let text = opening.repeat(MEBIBYTE / opening.len());
        assert_refused_quickly(with_provider_filters(&text));
        assert_refused_quickly(text);
    }
}

#[test]
fn closed_deep_nesting_is_refused_quickly() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"{"a":1,"a":"#, "}"), (r#"["\u0000","#, "]")] {
        let times = MEBIBYTE / (open.len() + close.len());
        let text = format!("{}1{}", open.repeat(times), close.repeat(times));
        assert_handled_quickly(&with_provider_filters(&format!(r#"{{"a":{text}}}"#)));
        assert_refused_quickly(text);
    }
}

#[test]
fn many_duplicate_names_are_refused_quickly() {
    for name in ["a", "name"] {
        let members = vec![format!("\"{name}\":1"); 100_000].join(",");
        assert_refused_quickly(format!("{{{members}}}"));
        assert_handled_quickly(&with_provider_filters(&format!("{{{members}}}")));
    }
}

#[test]
fn many_unknown_names_are_refused_quickly() {
    let members = (0..100_000).map(|n| format!("\"a{n}\":1")).collect::<Vec<_>>().join(",");
    assert_refused_quickly(format!("{{{members}}}"));
    assert_handled_quickly(&patched(r#""query":"old""#, &format!(r#""query":"old",{members}"#)));
}

#[test]
fn report_of_many_violations_is_small() {
    for element in [r#""\u0000""#, r#""\ud800""#, "7", "{}", r#"{"type":"x"}"#, r#""""#] {
        let list = vec![element; MEBIBYTE / (element.len() + 1)].join(",");
        assert_refused_quickly(patched(r#""user_abc123","user_xyz789""#, &list));
        assert_refused_quickly(patched(r#"{"type":"maxPeoplePerCompany","value":2}"#, &list));
        assert_refused_quickly(with_provider_filters(&format!(r#"{{"a":[{list}]}}"#)).replace("Full", ""));
    }
    assert_handled_quickly(&with_provider_filters(&format!(
        r#"{{"a":[{}1]}}"#,
        r#""\u0000","#.repeat(100_000)
    )));
    assert_handled_quickly(&patched(r#""user_abc123","user_xyz789""#, &vec![r#""""#; 100_000].join(",")));
}

#[test]
fn report_of_violations_in_huge_name_is_small() {
    let half = MEBIBYTE / 2;
    for name in ["x".repeat(half), "/".repeat(half), r"\u0000".repeat(half / 6), "é".repeat(half / 2)] {
        let many = vec![r#""a":1"#; half / 6].join(",");
        assert_handled_quickly(&with_provider_filters(&format!(r#"{{"{name}":{{{many}}}}}"#)));
        assert_refused_quickly(patched(r#""query":"old""#, &format!(r#""query":"old","{name}":1"#)));
        assert_refused_quickly(format!(r#"{{"{name}":{{{many}}},{many}}}"#));
    }
}

#[test]
fn long_pointer_is_cut_to_enclosing_value() {
    let name = "x".repeat(limits::VIOLATION_POINTER_BYTES);
    let text = patched(r#""min":1.0"#, &format!(r#""min":{{"{name}":1,"{name}":2}}"#));
    let violations = Icp::from_json(&text, Rules::Strict).unwrap_err();
    assert_eq!(violations.all()[0].pointer.as_str(), "/leadProviderCriteria/0/filters/size/min");
}

#[test]
fn large_valid_icp_is_read_quickly() {
    run_on_small_stack(|| {
        let users = (0..limits::USERS).map(|n| format!("\"user_{n}\"")).collect::<Vec<_>>().join(",");
        let text = patched(r#""user_abc123","user_xyz789""#, &users);
        let text = text.replace(r#"["CTO"]"#, &format!("[{}]", vec![r#""CTO""#; 100_000].join(",")));
        let start = Instant::now();
        let icp = Icp::from_json(&text, Rules::Strict).unwrap();
        assert_eq!(icp.to_json(), text);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    });
}

#[test]
fn truncated_bodies_are_refused() {
    for end in FULL.char_indices().map(|(at, _)| at) {
        for rules in [Rules::Strict, Rules::Storable, Rules::Stored] {
            assert!(Icp::from_json(&FULL[..end], rules).is_err(), "cut at {end}");
        }
    }
}
