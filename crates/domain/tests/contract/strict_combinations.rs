//! Tests of all violations of a document: their order, pointers, codes and details, and their JSON.

use icp_domain::{Icp, Rules, Violation, ViolationCode, limits};

use super::support::{patched, strict_violations};

#[test]
fn all_violations_are_in_document_order() {
    let text = r#"{
        "id": "no-uuid", "name": "", "description": 7, "createdAt": "yesterday", "colour": "red",
        "leadProviderCriteria": [{"provider": "x", "filters": [], "y": 1}, {"type": "person"}, 7],
        "customFilterCriteria": [
            {"type": "maxPercentFromCRM", "value": 101}, {"type": "ofNextYear"}, {},
            {"type": "matchFieldWithRegex", "field": "", "regex": "["}
        ],
        "crmFilters": {"provider": "x", "textSearch": 1, "filters": [{"path": "", "mode": 2, "exclude": "no"}], "query": []},
        "userIds": ["a", "", "b b", "a", 7], "leadsPerList": 0, "activeUntil": "never",
        "name": "again \u0000"
    }"#;
    let expected = [
        ("/updatedAt", "required"),
        ("/id", "invalid_value"),
        ("/description", "invalid_type"),
        ("/createdAt", "invalid_value"),
        ("/colour", "unknown_field"),
        ("/leadProviderCriteria/0/provider", "invalid_value"),
        ("/leadProviderCriteria/0/filters", "invalid_type"),
        ("/leadProviderCriteria/0/y", "unknown_field"),
        ("/leadProviderCriteria/1/provider", "required"),
        ("/leadProviderCriteria/1/filters", "required"),
        ("/leadProviderCriteria/2", "invalid_type"),
        ("/customFilterCriteria/0/value", "out_of_range"),
        ("/customFilterCriteria/1/type", "invalid_value"),
        ("/customFilterCriteria/2/type", "required"),
        ("/customFilterCriteria/3/field", "invalid_value"),
        ("/customFilterCriteria/3/regex", "invalid_value"),
        ("/crmFilters/provider", "invalid_value"),
        ("/crmFilters/textSearch", "invalid_type"),
        ("/crmFilters/filters/0/path", "invalid_value"),
        ("/crmFilters/filters/0/mode", "invalid_type"),
        ("/crmFilters/filters/0/exclude", "invalid_type"),
        ("/crmFilters/query", "invalid_type"),
        ("/userIds/1", "invalid_value"),
        ("/userIds/2", "invalid_value"),
        ("/userIds/3", "duplicate"),
        ("/userIds/4", "invalid_type"),
        ("/leadsPerList", "out_of_range"),
        ("/activeUntil", "invalid_value"),
        ("/name", "duplicate"),
        ("/name", "invalid_value"),
    ];
    let found = strict_violations(text);
    let found: Vec<_> = found.iter().map(|(pointer, code)| (pointer.as_str(), *code)).collect();
    assert_eq!(found, expected);
}

#[test]
fn empty_object_lacks_every_required_field() {
    let violations = strict_violations("{}");
    let required = ["/id", "/name", "/createdAt", "/updatedAt", "/leadProviderCriteria", "/userIds"];
    assert_eq!(violations, required.map(|pointer| (pointer.to_owned(), "required")));
}

#[test]
fn all_violations_of_string_are_reported() {
    let text = r#"{"\ud800\u0000": 1, "b\u0000": 1, "b\u0000": 2, "n": "\udfff\u0000", "n": 1}"#;
    let found = strict_violations(text);
    for expected in [
        (r#"/"\ud800\u0000""#, "invalid_value"),
        (r#"/"\ud800\u0000""#, "malformed"),
        ("/b\0", "invalid_value"),
        ("/b\0", "duplicate"),
        ("/n", "invalid_value"),
        ("/n", "malformed"),
        ("/n", "duplicate"),
        ("/id", "required"),
    ] {
        assert!(found.contains(&(expected.0.to_owned(), expected.1)), "{expected:?} is not in {found:?}");
    }
}

#[test]
fn repeated_known_name_is_duplicate() {
    let found = strict_violations(r#"{"name": "a", "name": "b", "name": "c"}"#);
    let of_name: Vec<_> =
        found.iter().filter(|(pointer, _)| pointer == "/name").map(|(_, code)| *code).collect();
    assert_eq!(of_name, ["duplicate", "duplicate"]);
}

#[test]
fn invalid_json_is_one_violation_with_position() {
    for (text, position) in [
        ("", "line 1"),
        ("{", "line 1"),
        ("{}\n}", "line 2, column 1"),
        ("\u{feff}{}", "line 1"),
        ("{'a':1}", "line 1, column 2"),
    ] {
        let violations = Icp::from_json(text, Rules::Strict).unwrap_err();
        let [violation] = violations.all() else { panic!("{violations}") };
        assert_eq!((violation.pointer.as_str(), violation.code.as_str()), ("", "malformed"));
        assert!(violation.detail.contains(position), "{text:?}: {}", violation.detail);
    }
}

#[test]
fn details_of_violations_name_remedy() {
    let text = r#"{"id": 1, "name": "", "createdAt": "x", "x": 1, "leadProviderCriteria": {},
        "userIds": ["a", "a"], "leadsPerList": 0}"#;
    let violations = Icp::from_json(text, Rules::Strict).unwrap_err();
    let details: Vec<_> = violations.into_iter().map(|violation| violation.detail).collect();
    let expected = [
        "missing required field `updatedAt`",
        "must be a string, not 1",
        "must not be empty",
        r#"must be an RFC 3339 time such as 2024-01-15T10:30:00.000Z, in the years 0000 to 9999, not "x""#,
        "unknown field `x`",
        "must be an array, not {}",
        "duplicate user ID",
        "must be from 1 to 10000, not 0",
    ];
    assert_eq!(details, expected);
    let violations = Icp::from_json(text, Rules::Strict).unwrap_err();
    let shown = violations.to_string();
    assert!(shown.contains("/leadsPerList: must be from 1 to 10000, not 0 (out_of_range)"), "{shown}");
}

#[test]
fn violation_has_form_of_contract() {
    let violations = Icp::from_json("[]", Rules::Strict).unwrap_err();
    let written = serde_json::to_string(violations.all()).unwrap();
    assert_eq!(written, r#"[{"pointer":"","code":"invalid_type","detail":"must be an object, not []"}]"#);
}

#[test]
fn clients_can_deserialize_violations() {
    let violations = Icp::from_json(r#"{"a/b": 1}"#, Rules::Strict).unwrap_err();
    let written = serde_json::to_string(violations.all()).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Violation>>(&written).unwrap(), violations.all());
    let newer = r#"{"pointer": "/name", "code": "of_next_year", "detail": "must not"}"#;
    assert_eq!(serde_json::from_str::<Violation>(newer).unwrap().code, ViolationCode::Unknown);
    for code in [
        ViolationCode::UnknownField,
        ViolationCode::ReadOnly,
        ViolationCode::TooLong,
        ViolationCode::OutOfRange,
    ] {
        assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
    }
}

#[test]
fn elements_of_too_long_array_are_checked() {
    let mut users: Vec<_> = (0..=limits::USERS).map(|number| format!("\"user_{number}\"")).collect();
    users[3] = r#""user 3""#.to_owned();
    users[limits::USERS] = r#""""#.to_owned();
    let text = patched(r#""user_abc123","user_xyz789""#, &users.join(","));
    let expected =
        [("/userIds", "too_long"), ("/userIds/3", "invalid_value"), ("/userIds/10000", "invalid_value")];
    assert_eq!(strict_violations(&text), expected.map(|(pointer, code)| (pointer.to_owned(), code)));
}
