//! Tests of the strict rules about the shape of an ICP. Each row has a replacement and the violation that it causes.

use super::support::{Row, check_rows as check, patched, strict_violations};

const WRONG_TYPES: &[Row] = &[
    ("id", r#""id":"550e8400-e29b-41d4-a716-446655440000""#, r#""id":7"#, "/id", "invalid_type"),
    ("name", r#""name":"Full""#, r#""name":null"#, "/name", "invalid_type"),
    ("description", r#""All of it""#, "[]", "/description", "invalid_type"),
    ("createdAt", r#""2024-01-15T10:30:00.000Z""#, "1705314600", "/createdAt", "invalid_type"),
    ("updatedAt", r#""2024-01-20T14:22:00.000Z""#, "null", "/updatedAt", "invalid_type"),
    (
        "a criterion",
        r#"[{"provider":"baseProvider""#,
        r#"[7,{"provider":"baseProvider""#,
        "/leadProviderCriteria/0",
        "invalid_type",
    ),
    ("search type", r#""type":"company""#, r#""type":null"#, "/leadProviderCriteria/0/type", "invalid_type"),
    (
        "filters",
        r#"{"titles":["CTO"],"size":{"min":1.0}}"#,
        "[]",
        "/leadProviderCriteria/0/filters",
        "invalid_type",
    ),
    (
        "a custom filter",
        r#"{"type":"maxPeoplePerCompany","value":2}"#,
        "null",
        "/customFilterCriteria/3",
        "invalid_type",
    ),
    (
        "filter type",
        r#""type":"maxPeoplePerCompany""#,
        r#""type":1"#,
        "/customFilterCriteria/3/type",
        "invalid_type",
    ),
    ("prompt", r#""Do they hire?""#, "true", "/customFilterCriteria/0/prompt", "invalid_type"),
    (
        "search strings",
        r#"["jobs"]"#,
        r#""jobs""#,
        "/customFilterCriteria/1/excludeSearchStrings",
        "invalid_type",
    ),
    ("a search string", r#""store""#, "{}", "/customFilterCriteria/1/includeSearchStrings/1", "invalid_type"),
    ("value", r#""value":50"#, r#""value":"50""#, "/customFilterCriteria/4/value", "invalid_type"),
    ("value null", r#""value":50"#, r#""value":null"#, "/customFilterCriteria/4/value", "invalid_type"),
    (
        "value with a fraction",
        r#""value":50"#,
        r#""value":50.5"#,
        "/customFilterCriteria/4/value",
        "invalid_type",
    ),
    ("crm provider", r#""bullhorn""#, "1", "/crmFilters/provider", "invalid_type"),
    ("textSearch", r#""Head OR Leit*""#, "[]", "/crmFilters/textSearch", "invalid_type"),
    ("query", r#""old""#, "{}", "/crmFilters/query", "invalid_type"),
    ("exclude", r#""exclude":false"#, r#""exclude":null"#, "/crmFilters/filters/0/exclude", "invalid_type"),
    ("path", r#""path":"status""#, r#""path":0"#, "/crmFilters/filters/0/path", "invalid_type"),
    ("userIds", r#"["user_abc123","user_xyz789"]"#, r#""user_abc123""#, "/userIds", "invalid_type"),
    ("a user id", r#""user_xyz789""#, "7", "/userIds/1", "invalid_type"),
    ("leadsPerList", r#""leadsPerList":25"#, r#""leadsPerList":null"#, "/leadsPerList", "invalid_type"),
    (
        "leadsPerList as text",
        r#""leadsPerList":25"#,
        r#""leadsPerList":"25""#,
        "/leadsPerList",
        "invalid_type",
    ),
    (
        "a tiny fraction",
        r#""leadsPerList":25"#,
        r#""leadsPerList":25.00000000000000000001"#,
        "/leadsPerList",
        "invalid_type",
    ),
    ("activeUntil", r#""2024-12-31T23:59:59.000Z""#, "0", "/activeUntil", "invalid_type"),
];

#[test]
fn value_of_wrong_type_is_refused() {
    check(WRONG_TYPES);
}

#[test]
fn wrong_types_of_lists_and_objects_are_refused() {
    for (name, wrong) in
        [("leadProviderCriteria", "{}"), ("customFilterCriteria", "null"), ("crmFilters", "[]")]
    {
        let text = format!(
            r#"{{"id":"550e8400-e29b-41d4-a716-446655440000","name":"n","createdAt":"2024-01-15T10:30:00Z",
            "updatedAt":"2024-01-15T10:30:00Z","userIds":[],{}"{name}":{wrong}}}"#,
            if name == "leadProviderCriteria" { "" } else { r#""leadProviderCriteria":[],"# },
        );
        assert_eq!(strict_violations(&text), [(format!("/{name}"), "invalid_type")]);
    }
    for root in ["[]", "null", "7", "\"x\"", "true"] {
        assert_eq!(strict_violations(root), [(String::new(), "invalid_type")], "{root}");
    }
}

const UNKNOWN_FIELDS: &[Row] = &[
    ("the icp", r#""leadsPerList":25"#, r#""leadsPerList":25,"colour":"red""#, "/colour", "unknown_field"),
    ("another case", r#""name":"Full""#, r#""name":"Full","Name":1"#, "/Name", "unknown_field"),
    ("escaped in the pointer", r#""name":"Full""#, r#""name":"Full","a/b~c":1"#, "/a~1b~0c", "unknown_field"),
    (
        "a criterion",
        r#""type":"company""#,
        r#""type":"company","x":1"#,
        "/leadProviderCriteria/0/x",
        "unknown_field",
    ),
    (
        "website",
        r#""Do they hire?""#,
        r#""Do they hire?","x":1"#,
        "/customFilterCriteria/0/x",
        "unknown_field",
    ),
    ("webscraping", r#"["jobs"]"#, r#"["jobs"],"x":1"#, "/customFilterCriteria/1/x", "unknown_field"),
    ("ai", r#""Is it a buyer?""#, r#""Is it a buyer?","x":1"#, "/customFilterCriteria/2/x", "unknown_field"),
    (
        "maxPeoplePerCompany",
        r#""value":2}"#,
        r#""value":2,"x":1}"#,
        "/customFilterCriteria/3/x",
        "unknown_field",
    ),
    (
        "maxPercentFromCRM",
        r#""value":50"#,
        r#""value":50,"x":1"#,
        "/customFilterCriteria/4/x",
        "unknown_field",
    ),
    (
        "minDaysUntilReuse",
        r#""value":180"#,
        r#""value":180,"x":1"#,
        "/customFilterCriteria/5/x",
        "unknown_field",
    ),
    (
        "matchFieldWithRegex",
        r#""field":"firstName""#,
        r#""field":"firstName","x":1"#,
        "/customFilterCriteria/6/x",
        "unknown_field",
    ),
    ("crmFilters", r#""query":"old""#, r#""query":"old","x":1"#, "/crmFilters/x", "unknown_field"),
    (
        "a condition",
        r#""exclude":false"#,
        r#""exclude":false,"x":1"#,
        "/crmFilters/filters/0/x",
        "unknown_field",
    ),
];

#[test]
fn unknown_field_is_refused_at_every_level() {
    check(UNKNOWN_FIELDS);
}

const MISSING_FIELDS: &[Row] = &[
    ("id", r#""id":"550e8400-e29b-41d4-a716-446655440000","#, "", "/id", "required"),
    ("name", r#""name":"Full","#, "", "/name", "required"),
    ("createdAt", r#""createdAt":"2024-01-15T10:30:00.000Z","#, "", "/createdAt", "required"),
    ("updatedAt", r#""updatedAt":"2024-01-20T14:22:00.000Z","#, "", "/updatedAt", "required"),
    ("userIds", r#""userIds":["user_abc123","user_xyz789"],"#, "", "/userIds", "required"),
    (
        "a criterion's provider",
        r#""provider":"baseProvider","#,
        "",
        "/leadProviderCriteria/0/provider",
        "required",
    ),
    (
        "filters",
        r#","filters":{"titles":["CTO"],"size":{"min":1.0}}"#,
        "",
        "/leadProviderCriteria/0/filters",
        "required",
    ),
    ("filter type", r#""type":"maxPeoplePerCompany","#, "", "/customFilterCriteria/3/type", "required"),
    ("website provider", r#""provider":"browserUse","#, "", "/customFilterCriteria/0/provider", "required"),
    ("website prompt", r#","prompt":"Do they hire?""#, "", "/customFilterCriteria/0/prompt", "required"),
    (
        "webscraping provider",
        r#""provider":"firecrawl","#,
        "",
        "/customFilterCriteria/1/provider",
        "required",
    ),
    (
        "extractionPrompt",
        r#""extractionPrompt":"Products","#,
        "",
        "/customFilterCriteria/1/extractionPrompt",
        "required",
    ),
    (
        "pageFindingPrompt",
        r#""pageFindingPrompt":"Shop","#,
        "",
        "/customFilterCriteria/1/pageFindingPrompt",
        "required",
    ),
    (
        "includeSearchStrings",
        r#""includeSearchStrings":["shop","store"],"#,
        "",
        "/customFilterCriteria/1/includeSearchStrings",
        "required",
    ),
    (
        "excludeSearchStrings",
        r#","excludeSearchStrings":["jobs"]"#,
        "",
        "/customFilterCriteria/1/excludeSearchStrings",
        "required",
    ),
    ("entityType", r#""entityType":"person","#, "", "/customFilterCriteria/2/entityType", "required"),
    ("ai prompt", r#","prompt":"Is it a buyer?""#, "", "/customFilterCriteria/2/prompt", "required"),
    ("field", r#""field":"firstName","#, "", "/customFilterCriteria/6/field", "required"),
    ("regex", r#","regex":"^(?!Test)(?<initial>[A-Z])""#, "", "/customFilterCriteria/6/regex", "required"),
    ("crm provider", r#""provider":"bullhorn","#, "", "/crmFilters/provider", "required"),
    ("path", r#""path":"status","#, "", "/crmFilters/filters/0/path", "required"),
    ("mode", r#""mode":"equals","#, "", "/crmFilters/filters/0/mode", "required"),
];

#[test]
fn missing_field_is_refused() {
    check(MISSING_FIELDS);
    let violations = strict_violations(&patched(
        r#""filters":[{"path":"status","mode":"equals","value":["Active",1e2],"exclude":false}],"#,
        "",
    ));
    assert_eq!(violations, [("/crmFilters/filters".to_owned(), "required")]);
}
