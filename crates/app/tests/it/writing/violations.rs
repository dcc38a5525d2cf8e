//! Tests which violations the service reports for the fields of an ICP and of its nested objects.

use crate::support::Service;
use crate::support::services::on_both_databases;
use crate::writing::target::Target;

/// An object in a body: the text before its fields, the text after its fields, and the pointer to the object.
#[derive(Clone, Copy)]
struct ObjectInBody(&'static str, &'static str, &'static str);

const ICP: ObjectInBody = ObjectInBody("", "", "");
const CRITERION: ObjectInBody = ObjectInBody(r#""leadProviderCriteria":[{"#, "}]", "/leadProviderCriteria/0");
const CUSTOM_FILTER: ObjectInBody =
    ObjectInBody(r#""customFilterCriteria":[{"type":"#, "}]", "/customFilterCriteria/0");
const CRM_FILTERS: ObjectInBody = ObjectInBody(r#""crmFilters":{"#, "}", "/crmFilters");
const CRM_CONDITION: ObjectInBody =
    ObjectInBody(r#""crmFilters":{"provider":"bullhorn","filters":[{"#, "}]}", "/crmFilters/filters/0");

/// Checks the violations of each case. `violations` has the form `pointer code`, and the pointer is relative to the
/// object.
async fn assert_rejected(service: &Service, object: ObjectInBody, cases: &[(&str, &[&str])]) {
    let ObjectInBody(before, after, pointer) = object;
    let target = Target::create(service).await;
    for (fields, violations) in cases {
        let violations: Vec<String> =
            violations.iter().map(|violation| format!("{pointer}{violation}")).collect();
        target.assert_rejected(&format!("{before}{fields}{after}"), &violations).await;
    }
}

on_both_databases!(icp_fields_have_limits);
async fn icp_fields_have_limits(service: &Service) {
    let long_name = format!(r#""name":"{}""#, "x".repeat(256));
    let long_name_of_two_byte_characters = format!(r#""name":"{}""#, "é".repeat(256));
    let long_description = format!(r#""description":"{}""#, "x".repeat(10_001));
    let long_user = format!(r#""userIds":["{}"]"#, "x".repeat(256));
    assert_rejected(
        service,
        ICP,
        &[
            (r#""name":"""#, &["/name invalid_value"]),
            (&long_name, &["/name too_long"]),
            (&long_name_of_two_byte_characters, &["/name too_long"]),
            (&long_description, &["/description too_long"]),
            (r#""leadsPerList":0"#, &["/leadsPerList out_of_range"]),
            (r#""leadsPerList":-1"#, &["/leadsPerList out_of_range"]),
            (r#""leadsPerList":10001"#, &["/leadsPerList out_of_range"]),
            (r#""leadsPerList":1e400"#, &["/leadsPerList out_of_range"]),
            (r#""leadsPerList":99999999999999999999"#, &["/leadsPerList out_of_range"]),
            (r#""leadsPerList":10.5"#, &["/leadsPerList invalid_type"]),
            (r#""leadsPerList":1e-400"#, &["/leadsPerList invalid_type"]),
            (r#""leadsPerList":"10""#, &["/leadsPerList invalid_type"]),
            (r#""userIds":[""]"#, &["/userIds/0 invalid_value"]),
            (r#""userIds":["user_ada","user bob"]"#, &["/userIds/1 invalid_value"]),
            (
                r#""userIds":["\tuser_bob","user_bob\u00a0"]"#,
                &["/userIds/0 invalid_value", "/userIds/1 invalid_value"],
            ),
            (r#""userIds":["a","b","a","\u0061"]"#, &["/userIds/2 duplicate", "/userIds/3 duplicate"]),
            (&long_user, &["/userIds/0 too_long"]),
            (r#""colour":"red","Name":null"#, &["/Name unknown_field", "/colour unknown_field"]),
            (r#""a/b~c":1"#, &["/a~1b~0c unknown_field"]),
            (r#""":1"#, &["/ unknown_field"]),
        ],
    )
    .await;
}

on_both_databases!(criterion_needs_known_provider_and_type);
async fn criterion_needs_known_provider_and_type(service: &Service) {
    assert_rejected(
        service,
        CRITERION,
        &[
            ("", &["/filters required", "/provider required"]),
            (r#""provider":"baseProvider""#, &["/filters required"]),
            (r#""provider":"nextProvider","filters":{}"#, &["/provider invalid_value"]),
            (r#""provider":"BaseProvider","filters":{}"#, &["/provider invalid_value"]),
            (r#""provider":"baseProvider","type":"robot","filters":{}"#, &["/type invalid_value"]),
            (r#""provider":"baseProvider","type":"","filters":{}"#, &["/type invalid_value"]),
            (r#""provider":"baseProvider","filters":{},"limit":5"#, &["/limit unknown_field"]),
            (
                r#""provider":"x","type":"y","filters":[],"z":0"#,
                &[
                    "/filters invalid_type",
                    "/provider invalid_value",
                    "/type invalid_value",
                    "/z unknown_field",
                ],
            ),
        ],
    )
    .await;
}

on_both_databases!(custom_filter_needs_known_type_and_its_fields);
async fn custom_filter_needs_known_type_and_its_fields(service: &Service) {
    assert_rejected(
        service,
        CUSTOM_FILTER,
        &[
            (r#""ofNextYear","x":1"#, &["/type invalid_value"]),
            (r#""Website","provider":"p","prompt":"p""#, &["/type invalid_value"]),
            (r#""website""#, &["/prompt required", "/provider required"]),
            (r#""website","provider":"","prompt":"p""#, &["/provider invalid_value"]),
            (r#""website","provider":"p","prompt":"p","value":1"#, &["/value unknown_field"]),
            (
                r#""webscraping""#,
                &[
                    "/excludeSearchStrings required",
                    "/extractionPrompt required",
                    "/includeSearchStrings required",
                    "/pageFindingPrompt required",
                    "/provider required",
                ],
            ),
            (r#""ai","entityType":"robot","prompt":"p""#, &["/entityType invalid_value"]),
            (
                r#""ai","provider":"p""#,
                &["/entityType required", "/prompt required", "/provider unknown_field"],
            ),
            (r#""maxPeoplePerCompany","value":0"#, &["/value out_of_range"]),
            (r#""maxPeoplePerCompany","value":2147483648"#, &["/value out_of_range"]),
            (r#""maxPeoplePerCompany","value":null"#, &["/value invalid_type"]),
            (r#""maxPercentFromCRM","value":-1"#, &["/value out_of_range"]),
            (r#""maxPercentFromCRM","value":101"#, &["/value out_of_range"]),
            (r#""maxPercentFromCRM","value":0.5"#, &["/value invalid_type"]),
            (r#""minDaysUntilReuse","value":-1"#, &["/value out_of_range"]),
            (r#""minDaysUntilReuse","days":1"#, &["/days unknown_field"]),
            (r#""matchFieldWithRegex""#, &["/field required", "/regex required"]),
            (r#""matchFieldWithRegex","field":"","regex":"a""#, &["/field invalid_value"]),
            (r#""matchFieldWithRegex","field":"f","regex":"a","flags":"i""#, &["/flags unknown_field"]),
        ],
    )
    .await;
}

on_both_databases!(crm_filters_need_known_provider_and_conditions);
async fn crm_filters_need_known_provider_and_conditions(service: &Service) {
    assert_rejected(
        service,
        CRM_FILTERS,
        &[
            ("", &["/filters required", "/provider required"]),
            (r#""provider":"salesforce","filters":[]"#, &["/provider invalid_value"]),
            (r#""provider":"bullhorn","filters":[],"limit":5"#, &["/limit unknown_field"]),
            (
                r#""provider":"bullhorn","filters":[{}]"#,
                &["/filters/0/mode required", "/filters/0/path required"],
            ),
        ],
    )
    .await;
}

on_both_databases!(crm_condition_needs_path_and_mode);
async fn crm_condition_needs_path_and_mode(service: &Service) {
    assert_rejected(
        service,
        CRM_CONDITION,
        &[
            (r#""path":"","mode":"""#, &["/mode invalid_value", "/path invalid_value"]),
            (r#""path":"p","mode":"m","exclude":null"#, &["/exclude invalid_type"]),
            (r#""path":"p","mode":"m","op":"or""#, &["/op unknown_field"]),
        ],
    )
    .await;
}

on_both_databases!(create_rejects_missing_and_server_fields);
async fn create_rejects_missing_and_server_fields(service: &Service) {
    let target = Target::create(service).await;
    for (body, violations) in [
        ("{}", ["/leadProviderCriteria required", "/name required"].as_slice()),
        (r#"{"name":"SMB"}"#, &["/leadProviderCriteria required"]),
        (r#"{"leadProviderCriteria":[]}"#, &["/name required"]),
        (
            r#"{"name":"SMB","leadProviderCriteria":[],"id":"550e8400-e29b-41d4-a716-446655440000",
                "createdAt":"2024-01-15T10:30:00.000Z","updatedAt":7}"#,
            &["/createdAt read_only", "/id read_only", "/updatedAt read_only"],
        ),
    ] {
        assert_eq!(target.user.post(body).await.violations(), violations, "{body}");
        target.assert_unchanged().await;
    }
}

on_both_databases!(response_contains_all_violations);
async fn response_contains_all_violations(service: &Service) {
    let fields = r#""name":"","description":7,"leadsPerList":0,"activeUntil":"soon","colour":"red",
        "userIds":["a b","user_ada","user_ada"],
        "leadProviderCriteria":[{"provider":"baseProvider","filters":{"a":1,"a":"\u0000"}},{"type":"robot"}],
        "customFilterCriteria":[{"type":"maxPercentFromCRM","value":101},{"type":"x"},7,{}],
        "crmFilters":{"provider":"bullhorn","textSearch":1,"filters":[{"path":"p","mode":"m","or":[]}]}"#;
    let violations = [
        "/name invalid_value",
        "/description invalid_type",
        "/leadsPerList out_of_range",
        "/activeUntil invalid_value",
        "/colour unknown_field",
        "/userIds/0 invalid_value",
        "/userIds/2 duplicate",
        "/leadProviderCriteria/0/filters/a duplicate",
        "/leadProviderCriteria/0/filters/a invalid_value",
        "/leadProviderCriteria/1/provider required",
        "/leadProviderCriteria/1/type invalid_value",
        "/leadProviderCriteria/1/filters required",
        "/customFilterCriteria/0/value out_of_range",
        "/customFilterCriteria/1/type invalid_value",
        "/customFilterCriteria/2 invalid_type",
        "/customFilterCriteria/3/type required",
        "/crmFilters/textSearch invalid_type",
        "/crmFilters/filters/0/or unknown_field",
    ];
    assert_rejected(service, ICP, &[(fields, &violations)]).await;
}
