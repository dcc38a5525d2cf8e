//! Tests values on both sides of every limit, and unusual valid values.

use icp_domain::{Icp, Rules, limits};

use super::support::{patched, strict_violations, with_provider_filters};

/// Replaces a fragment by each replacement, and checks the code at the pointer. Valid replacements have no code.
fn check(from: &str, pointer: &str, rows: &[(String, Option<&'static str>)]) {
    for (to, code) in rows {
        let expected: Vec<_> = code.iter().map(|code| (pointer.to_owned(), *code)).collect();
        let shown: String = to.chars().take(60).collect();
        assert_eq!(strict_violations(&patched(from, to)), expected, "{pointer}: {shown}");
    }
}

fn numbers(rows: &[(&str, Option<&'static str>)]) -> Vec<(String, Option<&'static str>)> {
    rows.iter().map(|(number, code)| (format!(r#""value":{number}"#), *code)).collect()
}

fn quoted(piece: &str, times: usize) -> String {
    format!("\"{}\"", piece.repeat(times))
}

#[test]
fn leads_per_list_has_range() {
    let rows =
        [("0", false), ("1", true), ("10000", true), ("10001", false), ("-1", false), ("1e400", false)];
    let huge = [("18446744073709551616", false), ("9223372036854775808", false), ("-1e99", false)];
    let rows: Vec<_> = rows
        .into_iter()
        .chain(huge)
        .map(|(number, is_valid)| {
            (format!(r#""leadsPerList":{number}"#), (!is_valid).then_some("out_of_range"))
        })
        .collect();
    check(r#""leadsPerList":25"#, "/leadsPerList", &rows);
}

#[test]
fn integers_are_accepted_in_every_notation() {
    for number in ["10", "10.0", "1e1", "1E+1", "100e-1", "0.1e2", "10.000"] {
        let text = patched(r#""leadsPerList":25"#, &format!(r#""leadsPerList":{number}"#));
        let icp = Icp::from_json(&text, Rules::Strict).unwrap();
        assert_eq!(icp.leads_per_list, 10, "{number}");
        assert!(icp.to_json().contains(r#""leadsPerList":10,"#), "{number}");
    }
}

#[test]
fn numbers_of_custom_filters_have_ranges() {
    let out = Some("out_of_range");
    let percent = numbers(&[("-1", out), ("0", None), ("100", None), ("100.0", None), ("101", out)]);
    check(r#""value":50"#, "/customFilterCriteria/4/value", &percent);
    let people = numbers(&[("0", out), ("1", None), ("2147483647", None), ("2147483648", out)]);
    check(r#""value":2"#, "/customFilterCriteria/3/value", &people);
    let days = numbers(&[("-1", out), ("0", None), ("-0", None), ("2147483647", None), ("2147483648", out)]);
    check(r#""value":180"#, "/customFilterCriteria/5/value", &days);
}

#[test]
fn lengths_are_counted_in_characters() {
    let long = Some("too_long");
    for piece in ["a", "é", "😀", r"\u00e9", r"\ud83d\ude00", "\u{301}"] {
        let rows = [(quoted(piece, 255), None), (quoted(piece, 256), long)];
        check(r#""Full""#, "/name", &rows);
        check(r#""user_xyz789""#, "/userIds/1", &rows);
        check(r#""browserUse""#, "/customFilterCriteria/0/provider", &rows);
        check(r#""status""#, "/crmFilters/filters/0/path", &rows);
    }
    check(r#""All of it""#, "/description", &[(quoted("é", 10_000), None), (quoted("é", 10_001), long)]);
    check(
        r#""Do they hire?""#,
        "/customFilterCriteria/0/prompt",
        &[(quoted("x", 20_000), None), (quoted("x", 20_001), long)],
    );
    check(r#""old""#, "/crmFilters/query", &[(quoted("x", 20_000), None), (quoted("x", 20_001), long)]);
    check(
        r#""jobs""#,
        "/customFilterCriteria/1/excludeSearchStrings/0",
        &[(quoted("x", 1_000), None), (quoted("x", 1_001), long)],
    );
    check(
        r#""^(?!Test)(?<initial>[A-Z])""#,
        "/customFilterCriteria/6/regex",
        &[(quoted("x", 1_000), None), (quoted("x", 1_001), long)],
    );
}

#[test]
fn lists_have_maximum_length() {
    let list = |element: &str, times: usize| vec![element; times].join(",");
    let users = |count: usize| (0..count).map(|n| format!("\"u{n}\"")).collect::<Vec<_>>().join(",");
    let long = Some("too_long");
    check(
        r#""user_abc123","user_xyz789""#,
        "/userIds",
        &[(users(limits::USERS), None), (users(limits::USERS + 1), long)],
    );
    let condition = r#"{"path":"status","mode":"equals","value":["Active",1e2],"exclude":false}"#;
    let rows = [
        (list(condition, limits::CRM_CONDITIONS), None),
        (list(condition, limits::CRM_CONDITIONS + 1), long),
    ];
    check(condition, "/crmFilters/filters", &rows);
    let criterion =
        r#"{"provider":"baseProvider","type":"company","filters":{"titles":["CTO"],"size":{"min":1.0}}}"#;
    let rows = [(list(criterion, 100), None), (list(criterion, 101), long)];
    check(criterion, "/leadProviderCriteria", &rows);
    let filter = r#"{"type":"maxPeoplePerCompany","value":2}"#;
    check(filter, "/customFilterCriteria", &[(list(filter, 94), None), (list(filter, 95), long)]);
    let rows = [(list(r#""s""#, 1_000), None), (list(r#""s""#, 1_001), long)];
    check(r#""shop","store""#, "/customFilterCriteria/1/includeSearchStrings", &rows);
}

#[test]
fn nesting_is_limited_to_64_levels() {
    // The ICP, its list of criteria, the criterion and its filters take up the first four levels.
    let nested = |levels: usize| {
        let inner = levels - 4;
        with_provider_filters(&format!("{{\"a\":{}{}}}", "[".repeat(inner), "]".repeat(inner)))
    };
    assert_eq!(strict_violations(&nested(64)), []);
    let pointer = format!("/leadProviderCriteria/0/filters/a{}", "/0".repeat(60));
    assert_eq!(strict_violations(&nested(65)), [(pointer, "out_of_range")]);
}

#[test]
fn unusual_valid_values_are_accepted() {
    let rows = [
        ("expired long ago", "2024-12-31T23:59:59.000Z", "1970-01-01T00:00:00Z"),
        ("before the start of Unix time", "2024-12-31T23:59:59.000Z", "0000-01-01T00:00:00Z"),
        ("changed before it was created", "2024-01-20T14:22:00.000Z", "2023-01-20T14:22:00.000Z"),
        ("search type absent", r#""type":"company","#, ""),
        ("value absent", r#","value":180"#, ""),
        ("a custom provider of any name", r#""browserUse""#, r#""another provider""#),
        ("description null", r#""All of it""#, "null"),
        ("description absent", r#""description":"All of it","#, ""),
        ("activeUntil null", r#""2024-12-31T23:59:59.000Z""#, "null"),
        ("leadsPerList absent", r#""leadsPerList":25,"#, ""),
        ("textSearch null", r#""Head OR Leit*""#, "null"),
        ("textSearch absent", r#""textSearch":"Head OR Leit*","#, ""),
        ("query null", r#""old""#, "null"),
        ("query absent", r#","query":"old""#, ""),
        ("condition value null", r#"["Active",1e2]"#, "null"),
        ("condition value absent", r#""value":["Active",1e2],"#, ""),
        ("exclude absent", r#","exclude":false"#, ""),
        ("an empty prompt", r#""Do they hire?""#, r#""""#),
        ("no search strings", r#"["jobs"]"#, "[]"),
        ("no users", r#""user_abc123","user_xyz789""#, ""),
        ("an empty search", r#"{"titles":["CTO"],"size":{"min":1.0}}"#, "{}"),
        ("a name with blanks around it", r#""Full""#, r#"" . ""#),
        ("a user id in other letters", r#""user_xyz789""#, r#""Ünïcode-user/😀""#),
    ];
    for (description, from, to) in rows {
        assert_eq!(strict_violations(&patched(from, to)), [], "{description}");
    }
}
