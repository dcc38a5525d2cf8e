//! Tests that stored ICPs of any version can be read, and are serialized with the same meaning.

use icp_domain::criteria::{CrmProvider, EntityType, LeadProvider, SearchType};
use icp_domain::json::Json;
use icp_domain::{Icp, MaybeKnown, Rules};

use super::support::{FULL, at, canonical, patched, stored, violations, with_provider_filters};

/// Replaces a fragment of [`FULL`], and checks that the document is read and serialized unchanged.
fn assert_preserved(from: &str, to: &str) {
    let text = patched(from, to);
    assert_eq!(canonical(&text), text);
    assert_eq!(canonical(&canonical(&text)), text);
}

const UNKNOWN_FILTERS: &[&str] = &[
    r#"{"type":"ofNextYear","deep":{"b":1.0,"a":[1e2,1E400,12345678901234567890,{}]}}"#,
    r#"{"value":1.0,"type":"maxPeoplePerCompany","value":2}"#,
    r#"{"type":"maxPeoplePerCompany","value":1.5}"#,
    r#"{"type":"maxPeoplePerCompany","value":1e-400}"#,
    r#"{"type":"maxPeoplePerCompany","value":1.00000000000000000001}"#,
    r#"{"type":"maxPeoplePerCompany","value":18446744073709551616}"#,
    r#"{"type":"maxPeoplePerCompany","value":null}"#,
    r#"{"type":"website","provider":"x"}"#,
    r#"{"type":"website","provider":"x","prompt":"\ud800"}"#,
    r#"{"type":"ai","entityType":"person","prompt":"x","\ud800":1}"#,
    r#"{"type":7}"#,
    "{}",
    "null",
    "7.0",
    r#""\u00e9\/""#,
    "[[]]",
    "true",
];

#[test]
fn unknown_parts_are_preserved() {
    let filter = r#"{"type":"maxPeoplePerCompany","value":2}"#;
    for unknown in UNKNOWN_FILTERS {
        assert_preserved(filter, unknown);
        let icp = stored(&patched(filter, unknown));
        assert!(matches!(icp.custom_filter_criteria[3], MaybeKnown::Unknown(_)), "{unknown}");
    }
    for unknown in [
        "7",
        "null",
        r#"{"provider":"x"}"#,
        r#"{"provider":"p","type":null,"filters":{}}"#,
        r#"{"provider":"p","filters":[]}"#,
    ] {
        assert_preserved(
            r#"{"provider":"baseProvider","type":"company","filters":{"titles":["CTO"],"size":{"min":1.0}}}"#,
            unknown,
        );
    }
    for unknown in ["[]", "7", r#""x""#, r#"{"provider":"bullhorn"}"#, r#"{"filters":[],"provider":null}"#] {
        let start = FULL.find(r#"{"provider":"bullhorn""#).unwrap();
        let end = FULL.find(r#","userIds""#).unwrap();
        assert_preserved(&FULL[start..end], unknown);
    }
    for unknown in [
        "7",
        "{}",
        r#"{"path":"p","mode":"m","exclude":null}"#,
        r#"{"path":"p","mode":["of","next","year"]}"#,
    ] {
        assert_preserved(
            r#"{"path":"status","mode":"equals","value":["Active",1e2],"exclude":false}"#,
            unknown,
        );
    }
}

#[test]
fn unknown_names_are_preserved() {
    assert_preserved(r#""type":"company""#, r#""type":"robot""#);
    let icp = stored(&patched(r#""type":"company""#, r#""type":"robot""#));
    let known = icp.lead_provider_criteria[0].known().unwrap();
    assert_eq!(known.search_type, SearchType::from("robot"));

    assert_eq!(
        LeadProvider::from("baseProvider"),
        LeadProvider::BaseProvider,
        "a known name is never unknown"
    );

    assert_preserved(r#""baseProvider""#, r#""otherProvider""#);
    let icp = stored(&patched(r#""baseProvider""#, r#""otherProvider""#));
    let known = icp.lead_provider_criteria[0].known().unwrap();
    assert_eq!(known.provider, LeadProvider::from("otherProvider"));

    assert_preserved(r#""bullhorn""#, r#""salesforce""#);
    let icp = stored(&patched(r#""bullhorn""#, r#""salesforce""#));
    let known = icp.crm_filters.as_ref().and_then(MaybeKnown::known).unwrap();
    assert_eq!(known.provider, CrmProvider::from("salesforce"));

    assert_preserved(r#""entityType":"person""#, r#""entityType":"robot""#);
    let unknown: EntityType = "robot".parse().unwrap();
    assert!(matches!(&unknown, EntityType::Unknown(name) if name.as_str() == "robot"));
    assert_eq!(
        (unknown.as_str(), unknown.to_string(), unknown.as_ref()),
        ("robot", "robot".to_owned(), "robot")
    );
}

#[test]
fn extra_fields_are_preserved_at_every_level() {
    let extra_field = r#""x":{"b":1.0,"a":1E400,"b":"\u00e9\/"}"#;
    for (before, after) in [
        (r#""activeUntil":"2024-12-31T23:59:59.000Z""#, ""),
        (r#""size":{"min":1.0}}"#, ""),
        (r#""prompt":"Do they hire?""#, ""),
        (r#""excludeSearchStrings":["jobs"]"#, ""),
        (r#""prompt":"Is it a buyer?""#, ""),
        (r#""value":2"#, "}"),
        (r#""value":50"#, ""),
        (r#""value":180"#, ""),
        (r#""regex":"^(?!Test)(?<initial>[A-Z])""#, ""),
        (r#""exclude":false"#, ""),
        (r#""query":"old""#, ""),
    ] {
        assert_preserved(&format!("{before}{after}"), &format!("{before},{extra_field}{after}"));
    }
    // Order and duplicate names are preserved.
    assert_preserved(r#""query":"old""#, r#""query":"old","z":1,"a":2,"z":3"#);
}

#[test]
fn provider_filters_keep_their_text_without_blanks() {
    for filters in [
        r#"{"n":[1.0,1e2,1E400,-0,-0.0,9007199254740993,123456789012345678901234567890.10]}"#,
        r#"{"b":1,"a":2,"b":3,"":4}"#,
        r#"{"s":["\u00e9","é","\/","/","\ud83d\ude00","\ud800","\u0000","\"","\\",""]}"#,
        "{\"s\":\"\u{2028}\u{202e}שלום e\u{301}\"}",
        r#"{"s":" a , b : { } [ ] "}"#,
    ] {
        assert_preserved(r#"{"titles":["CTO"],"size":{"min":1.0}}"#, filters);
    }
    let spaced = "{ \"a b\"\t: [ 1.0 ,\r\n\"c  d\" ] }";
    assert_eq!(canonical(&with_provider_filters(spaced)), with_provider_filters(r#"{"a b":[1.0,"c  d"]}"#));
}

#[test]
fn values_of_any_depth_are_preserved() {
    let deep = format!("{{\"a\":{}1.0{}}}", "[".repeat(5_000), "]".repeat(5_000));
    assert_preserved(r#"{"titles":["CTO"],"size":{"min":1.0}}"#, &deep);
}

#[test]
fn missing_fields_get_defaults() {
    let text = r#"{"id":"550e8400-e29b-41d4-a716-446655440000","name":"","createdAt":"2024-01-15T10:30:00Z",
        "updatedAt":"2024-01-15T10:30:00Z","leadProviderCriteria":[{"provider":"p","filters":{}}],
        "customFilterCriteria":[{"type":"maxPeoplePerCompany"},{"type":"maxPercentFromCRM"},{"type":"minDaysUntilReuse"}],
        "userIds":["a"]}"#;
    let written = canonical(text);
    let json = Json::parse(&written).unwrap();
    for (pointer, default) in [
        ("/description", "null"),
        ("/crmFilters", "null"),
        ("/activeUntil", "null"),
        ("/leadsPerList", "10"),
        ("/leadProviderCriteria/0/type", r#""person""#),
        ("/customFilterCriteria/0/value", "1"),
        ("/customFilterCriteria/1/value", "100"),
        ("/customFilterCriteria/2/value", "365"),
    ] {
        assert_eq!(at(json, pointer).text(), default, "{pointer}");
    }
    let bare = canonical(&text.replace("customFilterCriteria", "somethingElse"));
    assert_eq!(at(Json::parse(&bare).unwrap(), "/customFilterCriteria").text(), "[]");
}

#[test]
fn absent_and_null_stay_different() {
    for (from, to) in [
        (r#""textSearch":"Head OR Leit*","#, ""),
        (r#""Head OR Leit*""#, "null"),
        (r#","query":"old""#, ""),
        (r#""old""#, "null"),
        (r#""value":["Active",1e2],"#, ""),
        (r#"["Active",1e2]"#, "null"),
        (r#","exclude":false"#, ""),
    ] {
        assert_preserved(from, to);
        assert_eq!(Icp::from_json(&patched(from, to), Rules::Strict).unwrap(), stored(&patched(from, to)));
    }
}

#[test]
fn times_are_truncated_to_utc_milliseconds() {
    let text = patched("2024-12-31T23:59:59.000Z", "2024-12-31T23:59:59.999999999-01:30");
    assert_eq!(canonical(&text), patched("2024-12-31T23:59:59.000Z", "2025-01-01T01:29:59.999Z"));
}

#[test]
fn reading_ignores_limits_of_writing() {
    assert_preserved(r#""name":"Full""#, &format!(r#""name":"{}""#, "x".repeat(300)));
    assert_preserved(r#""name":"Full""#, r#""name":"""#);
    assert_preserved(r#""leadsPerList":25"#, r#""leadsPerList":-9223372036854775808"#);
    assert_preserved(r#""value":50"#, r#""value":1000"#);
    assert_preserved(r#""user_abc123","user_xyz789""#, r#""a b","a b"," ""#);
    assert_preserved("^(?!Test)(?<initial>[A-Z])", "((((");
    assert_preserved(r#""user_xyz789""#, &format!("\"{}\"", "x".repeat(5_000)));
}

#[test]
fn malformed_icp_is_refused_with_pointer() {
    for (from, to, pointer, code) in [
        (r#""name":"Full","#, "", "/name", "required"),
        (r#""name":"Full""#, r#""name":null"#, "/name", "invalid_type"),
        (r#""name":"Full""#, r#""name":"a","name":"b""#, "/name", "duplicate"),
        (r#""name":"Full""#, r#""name":"\ud800""#, "/name", "malformed"),
        (r#""name":"Full""#, r#""name":"a","\ud800":1"#, "", "malformed"),
        (r#""user_xyz789""#, r#""""#, "/userIds/1", "invalid_value"),
        (r#""leadsPerList":25"#, r#""leadsPerList":2.5"#, "/leadsPerList", "invalid_type"),
        ("2024-12-31T23:59:59.000Z", "never", "/activeUntil", "invalid_value"),
        ("550e8400-e29b-41d4-a716-446655440000", "x", "/id", "invalid_value"),
    ] {
        assert_eq!(violations(&patched(from, to), Rules::Stored), [(pointer.to_owned(), code)], "{to}");
    }
}

#[test]
fn unknown_fields_do_not_hide_violations() {
    let long = "x".repeat(200_000);
    let part = format!(r#"{{"type":"website","provider":1,"{long}":1}}"#);
    let text = patched(r#"{"type":"maxPeoplePerCompany","value":2}"#, &vec![part; 3].join(","));
    let text = text.replace(r#""leadsPerList":25"#, r#""leadsPerList":"x""#).replace(r#""Full""#, "1");
    let expected = [("/name".to_owned(), "invalid_type"), ("/leadsPerList".to_owned(), "invalid_type")];
    assert_eq!(violations(&text, Rules::Stored), expected);
}
