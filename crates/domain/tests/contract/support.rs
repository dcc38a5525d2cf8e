//! A valid ICP with every field, and functions that replace parts of it and read the result.

use icp_domain::json::Json;
use icp_domain::{Icp, Rules};
use proptest::test_runner::Config;

/// A valid, canonical ICP with every field and every kind of criterion.
pub(crate) const FULL: &str = concat!(
    r#"{"id":"550e8400-e29b-41d4-a716-446655440000","name":"Full","description":"All of it","#,
    r#""createdAt":"2024-01-15T10:30:00.000Z","updatedAt":"2024-01-20T14:22:00.000Z","#,
    r#""leadProviderCriteria":[{"provider":"baseProvider","type":"company","filters":{"titles":["CTO"],"size":{"min":1.0}}}],"#,
    r#""customFilterCriteria":["#,
    r#"{"type":"website","provider":"browserUse","prompt":"Do they hire?"},"#,
    r#"{"type":"webscraping","provider":"firecrawl","extractionPrompt":"Products","pageFindingPrompt":"Shop","#,
    r#""includeSearchStrings":["shop","store"],"excludeSearchStrings":["jobs"]},"#,
    r#"{"type":"ai","entityType":"person","prompt":"Is it a buyer?"},"#,
    r#"{"type":"maxPeoplePerCompany","value":2},"#,
    r#"{"type":"maxPercentFromCRM","value":50},"#,
    r#"{"type":"minDaysUntilReuse","value":180},"#,
    r#"{"type":"matchFieldWithRegex","field":"firstName","regex":"^(?!Test)(?<initial>[A-Z])"}],"#,
    r#""crmFilters":{"provider":"bullhorn","textSearch":"Head OR Leit*","#,
    r#""filters":[{"path":"status","mode":"equals","value":["Active",1e2],"exclude":false}],"query":"old"},"#,
    r#""userIds":["user_abc123","user_xyz789"],"leadsPerList":25,"activeUntil":"2024-12-31T23:59:59.000Z"}"#,
);

/// Returns [`FULL`] with one fragment replaced.
pub(crate) fn patched(from: &str, to: &str) -> String {
    assert_eq!(FULL.matches(from).count(), 1, "the fragment must occur exactly once: {from}");
    FULL.replacen(from, to, 1)
}

/// Returns [`FULL`] with the text of its `leadProviderCriteria[0].filters` replaced.
pub(crate) fn with_provider_filters(filters: &str) -> String {
    patched(r#"{"titles":["CTO"],"size":{"min":1.0}}"#, filters)
}

/// Returns the pointer and the code of each violation of the strict rules.
pub(crate) fn strict_violations(text: &str) -> Vec<(String, &'static str)> {
    violations(text, Rules::Strict)
}

/// A test case: description, fragment, replacement, expected pointer and expected code.
pub(crate) type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// Checks that each row causes exactly one violation.
pub(crate) fn check_rows(rows: &[Row]) {
    for (rule, from, to, pointer, code) in rows {
        let found = strict_violations(&patched(from, to));
        assert_eq!(found, [((*pointer).to_owned(), *code)], "{rule}");
    }
}

pub(crate) fn violations(text: &str, rules: Rules) -> Vec<(String, &'static str)> {
    let Err(violations) = Icp::from_json(text, rules) else { return Vec::new() };
    violations
        .all()
        .iter()
        .map(|violation| (violation.pointer.to_string(), violation.code.as_str()))
        .collect()
}

pub(crate) fn stored(text: &str) -> Icp {
    Icp::from_json(text, Rules::Stored).unwrap_or_else(|violations| panic!("{violations}\n{text}"))
}

/// Decodes a text with the rules for stored ICPs, and returns the canonical text.
pub(crate) fn canonical(text: &str) -> String {
    stored(text).to_json()
}

/// Returns the first value at a JSON Pointer. Panics if there is none.
pub(crate) fn at<'a>(json: Json<'a>, pointer: &str) -> Json<'a> {
    resolve(json, pointer)
        .first()
        .copied()
        .unwrap_or_else(|| panic!("no value at {pointer} in {}", json.text()))
}

/// Returns all values at a JSON Pointer. If names are duplicated, there are several values.
pub(crate) fn resolve<'a>(json: Json<'a>, pointer: &str) -> Vec<Json<'a>> {
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    steps.fold(vec![json], |values, step| {
        let members = values.iter().flat_map(|value| value.members()).filter(|member| member.name == step);
        let elements = values.iter().filter_map(|value| value.elements().nth(step.parse().ok()?));
        members.map(|member| member.value).chain(elements).collect()
    })
}

pub(crate) fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}
