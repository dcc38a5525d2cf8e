//! Tests of the strict rules about values. Each row has a replacement and the violation that it causes.

use super::support::{Row, check_rows as check, patched, strict_violations};

const INVALID_VALUES: &[Row] = &[
    ("no uuid", "550e8400-e29b-41d4-a716-446655440000", "550e8400", "/id", "invalid_value"),
    (
        "uuid without hyphens",
        "550e8400-e29b-41d4-a716-446655440000",
        "550e8400e29b41d4a716446655440000",
        "/id",
        "invalid_value",
    ),
    ("no name", r#""name":"Full""#, r#""name":"""#, "/name", "invalid_value"),
    ("a name of one blank", r#""name":"Full""#, r#""name":" ""#, "/name", "invalid_value"),
    (
        "a name of white space",
        r#""name":"Full""#,
        "\"name\":\"\\t\u{85}\u{2003}\u{feff}\"",
        "/name",
        "invalid_value",
    ),
    ("no time", "2024-01-15T10:30:00.000Z", "yesterday", "/createdAt", "invalid_value"),
    ("no such day", "2024-01-20T14:22:00.000Z", "2023-02-29T14:22:00.000Z", "/updatedAt", "invalid_value"),
    (
        "time without an offset",
        "2024-12-31T23:59:59.000Z",
        "2024-12-31T23:59:59",
        "/activeUntil",
        "invalid_value",
    ),
    (
        "a blank for the T",
        "2024-12-31T23:59:59.000Z",
        "2024-12-31 23:59:59Z",
        "/activeUntil",
        "invalid_value",
    ),
    (
        "a leap second at noon",
        "2024-12-31T23:59:59.000Z",
        "2024-12-31T12:00:60Z",
        "/activeUntil",
        "invalid_value",
    ),
    (
        "lead provider",
        r#""baseProvider""#,
        r#""otherProvider""#,
        "/leadProviderCriteria/0/provider",
        "invalid_value",
    ),
    (
        "search type",
        r#""type":"company""#,
        r#""type":"Company""#,
        "/leadProviderCriteria/0/type",
        "invalid_value",
    ),
    (
        "filter type",
        r#""type":"maxPeoplePerCompany""#,
        r#""type":"ofNextYear""#,
        "/customFilterCriteria/3/type",
        "invalid_value",
    ),
    (
        "entity type",
        r#""entityType":"person""#,
        r#""entityType":"robot""#,
        "/customFilterCriteria/2/entityType",
        "invalid_value",
    ),
    ("crm provider", r#""bullhorn""#, r#""salesforce""#, "/crmFilters/provider", "invalid_value"),
    ("no path", r#""path":"status""#, r#""path":"""#, "/crmFilters/filters/0/path", "invalid_value"),
    ("no mode", r#""mode":"equals""#, r#""mode":"""#, "/crmFilters/filters/0/mode", "invalid_value"),
    ("no field", r#""field":"firstName""#, r#""field":"""#, "/customFilterCriteria/6/field", "invalid_value"),
    (
        "regex",
        r#""regex":"^(?!Test)(?<initial>[A-Z])""#,
        r#""regex":"(""#,
        "/customFilterCriteria/6/regex",
        "invalid_value",
    ),
    ("no user id", r#""user_xyz789""#, r#""""#, "/userIds/1", "invalid_value"),
    ("user id with a blank", r#""user_xyz789""#, r#""user xyz""#, "/userIds/1", "invalid_value"),
    ("user id with U+2003", r#""user_xyz789""#, "\"user\u{2003}xyz\"", "/userIds/1", "invalid_value"),
    ("user id with U+FEFF", r#""user_xyz789""#, "\"user\u{feff}xyz\"", "/userIds/1", "invalid_value"),
    ("user id with U+0085", r#""user_xyz789""#, "\"user\u{85}xyz\"", "/userIds/1", "invalid_value"),
    ("user id with a line feed", r#""user_xyz789""#, r#""user_xyz789\n""#, "/userIds/1", "invalid_value"),
    ("user listed twice", r#""user_xyz789""#, r#""user_abc123""#, "/userIds/1", "duplicate"),
    (
        "user listed twice by an escape",
        r#""user_xyz789""#,
        r#""user\u005fabc123""#,
        "/userIds/1",
        "duplicate",
    ),
];

#[test]
fn invalid_value_is_refused() {
    check(INVALID_VALUES);
}

const STRINGS_WITH_NUL: &[Row] = &[
    ("name", r#""name":"Full""#, r#""name":"a\u0000b""#, "/name", "invalid_value"),
    ("description", r#""All of it""#, r#""\u0000""#, "/description", "invalid_value"),
    ("prompt", r#""Do they hire?""#, r#""\u0000""#, "/customFilterCriteria/0/prompt", "invalid_value"),
    ("user id", r#""user_xyz789""#, r#""a\u0000""#, "/userIds/1", "invalid_value"),
    ("regex", "^(?!Test)(?<initial>[A-Z])", r"\u0000", "/customFilterCriteria/6/regex", "invalid_value"),
    (
        "condition value",
        r#"["Active",1e2]"#,
        r#"{"a":["\u0000"]}"#,
        "/crmFilters/filters/0/value/a/0",
        "invalid_value",
    ),
    (
        "deep inside filters",
        r#"{"min":1.0}"#,
        r#"[[{"x":"\u0000"}]]"#,
        "/leadProviderCriteria/0/filters/size/0/0/x",
        "invalid_value",
    ),
    (
        "a name inside filters",
        r#""titles""#,
        r#""a\u0000""#,
        "/leadProviderCriteria/0/filters/a\0",
        "invalid_value",
    ),
];

#[test]
fn nul_is_refused_everywhere() {
    check(STRINGS_WITH_NUL);
}

#[test]
fn escaped_backslash_before_u0000_is_accepted() {
    assert_eq!(strict_violations(&patched(r#""All of it""#, r#""\\u0000""#)), []);
}

const DUPLICATE_NAMES: &[Row] = &[
    ("the icp", r#""name":"Full""#, r#""name":"Full","name":"Full""#, "/name", "duplicate"),
    ("by an escape", r#""name":"Full""#, r#""name":"Full","n\u0061me":"Full""#, "/name", "duplicate"),
    (
        "a criterion",
        r#""type":"company""#,
        r#""type":"company","type":"company""#,
        "/leadProviderCriteria/0/type",
        "duplicate",
    ),
    (
        "a custom filter",
        r#""value":50"#,
        r#""value":50,"value":50"#,
        "/customFilterCriteria/4/value",
        "duplicate",
    ),
    (
        "a filter's type",
        r#""type":"ai""#,
        r#""type":"ai","type":"ai""#,
        "/customFilterCriteria/2/type",
        "duplicate",
    ),
    (
        "a condition",
        r#""exclude":false"#,
        r#""exclude":false,"exclude":true"#,
        "/crmFilters/filters/0/exclude",
        "duplicate",
    ),
    (
        "filters",
        r#""min":1.0"#,
        r#""min":1.0,"min":1.0"#,
        "/leadProviderCriteria/0/filters/size/min",
        "duplicate",
    ),
    (
        "a condition's value",
        r#"["Active",1e2]"#,
        r#"[{"a":1,"b":2,"a":3}]"#,
        "/crmFilters/filters/0/value/0/a",
        "duplicate",
    ),
];

#[test]
fn duplicate_name_is_refused_at_any_depth() {
    check(DUPLICATE_NAMES);
}

#[test]
fn lone_surrogate_is_refused() {
    check(&[
        ("name", r#""name":"Full""#, r#""name":"\ud83d""#, "/name", "malformed"),
        ("filters", r#"["CTO"]"#, r#"["\udc00"]"#, "/leadProviderCriteria/0/filters/titles/0", "malformed"),
        ("a name", r#""name":"Full""#, r#""name":"Full","\ud83d":1"#, r#"/"\ud83d""#, "malformed"),
    ]);
}
