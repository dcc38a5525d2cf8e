//! Tests values of a wrong JSON type in each field.

use crate::support::Service;
use crate::support::services::on_both_databases;
use crate::writing::target::Target;

/// One value of each JSON type.
const VALUES_BY_TYPE: [(&str, &str); 6] = [
    ("null", "null"),
    ("boolean", "true"),
    ("number", "1"),
    ("string", "\"x\""),
    ("array", "[]"),
    ("object", "{}"),
];

/// Fields in which `?` stands for a value, the pointer to the value, and the valid types of the value.
const TYPES_OF_FIELDS: [(&str, &str, &str); 28] = [
    (r#""name":?"#, "/name", "string"),
    (r#""description":?"#, "/description", "string null"),
    (r#""userIds":?"#, "/userIds", "array"),
    (r#""userIds":["a",?]"#, "/userIds/1", "string"),
    (r#""leadsPerList":?"#, "/leadsPerList", "number"),
    (r#""activeUntil":?"#, "/activeUntil", "string null"),
    (r#""leadProviderCriteria":?"#, "/leadProviderCriteria", "array"),
    (r#""leadProviderCriteria":[?]"#, "/leadProviderCriteria/0", "object"),
    (r#""leadProviderCriteria":[{"provider":?,"filters":{}}]"#, "/leadProviderCriteria/0/provider", "string"),
    (
        r#""leadProviderCriteria":[{"provider":"baseProvider","type":?,"filters":{}}]"#,
        "/leadProviderCriteria/0/type",
        "string",
    ),
    (
        r#""leadProviderCriteria":[{"provider":"baseProvider","filters":?}]"#,
        "/leadProviderCriteria/0/filters",
        "object",
    ),
    (r#""customFilterCriteria":?"#, "/customFilterCriteria", "array"),
    (r#""customFilterCriteria":[?]"#, "/customFilterCriteria/0", "object"),
    (r#""customFilterCriteria":[{"type":?}]"#, "/customFilterCriteria/0/type", "string"),
    (
        r#""customFilterCriteria":[{"type":"website","provider":?,"prompt":""}]"#,
        "/customFilterCriteria/0/provider",
        "string",
    ),
    (
        r#""customFilterCriteria":[{"type":"website","provider":"p","prompt":?}]"#,
        "/customFilterCriteria/0/prompt",
        "string",
    ),
    (
        r#""customFilterCriteria":[{"type":"webscraping","provider":"p",
            "extractionPrompt":?,"pageFindingPrompt":"",
            "includeSearchStrings":[],"excludeSearchStrings":[]}]"#,
        "/customFilterCriteria/0/extractionPrompt",
        "string",
    ),
    (
        r#""customFilterCriteria":[{"type":"webscraping","provider":"p",
            "extractionPrompt":"","pageFindingPrompt":"",
            "includeSearchStrings":?,"excludeSearchStrings":[]}]"#,
        "/customFilterCriteria/0/includeSearchStrings",
        "array",
    ),
    (
        r#""customFilterCriteria":[{"type":"webscraping","provider":"p",
            "extractionPrompt":"","pageFindingPrompt":"",
            "includeSearchStrings":[],"excludeSearchStrings":[?]}]"#,
        "/customFilterCriteria/0/excludeSearchStrings/0",
        "string",
    ),
    (
        r#""customFilterCriteria":[{"type":"ai","entityType":?,"prompt":""}]"#,
        "/customFilterCriteria/0/entityType",
        "string",
    ),
    (
        r#""customFilterCriteria":[{"type":"minDaysUntilReuse","value":?}]"#,
        "/customFilterCriteria/0/value",
        "number",
    ),
    (
        r#""customFilterCriteria":[{"type":"matchFieldWithRegex","field":"f","regex":?}]"#,
        "/customFilterCriteria/0/regex",
        "string",
    ),
    (r#""crmFilters":?"#, "/crmFilters", "object null"),
    (r#""crmFilters":{"provider":?,"filters":[]}"#, "/crmFilters/provider", "string"),
    (
        r#""crmFilters":{"provider":"bullhorn","textSearch":?,"filters":[]}"#,
        "/crmFilters/textSearch",
        "string null",
    ),
    (r#""crmFilters":{"provider":"bullhorn","filters":[],"query":?}"#, "/crmFilters/query", "string null"),
    (r#""crmFilters":{"provider":"bullhorn","filters":?}"#, "/crmFilters/filters", "array"),
    (
        r#""crmFilters":{"provider":"bullhorn","filters":[{"path":"p","mode":"m","exclude":?}]}"#,
        "/crmFilters/filters/0/exclude",
        "boolean",
    ),
];

on_both_databases!(wrong_type_is_reported_with_pointer);
async fn wrong_type_is_reported_with_pointer(service: &Service) {
    let target = Target::create(service).await;
    for (fields, pointer, allowed) in TYPES_OF_FIELDS {
        let values_of_wrong_type = VALUES_BY_TYPE
            .into_iter()
            .filter(|(json_type, _)| !allowed.split(' ').any(|allowed| allowed == *json_type));
        for (_, value) in values_of_wrong_type {
            target.assert_rejected(&fields.replace('?', value), &[format!("{pointer} invalid_type")]).await;
        }
    }
}
