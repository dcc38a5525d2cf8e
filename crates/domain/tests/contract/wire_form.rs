//! Tests of the wire form of an ICP.

use icp_domain::criteria::{CustomFilter, MaxPercentFromCrm, SearchType};
use icp_domain::json::{Json, JsonText};
use icp_domain::{Icp, MaybeKnown, Rules};

use super::support::{FULL, at, canonical, patched, stored};

const EXAMPLE: &str = include_str!("../../../../docs/reference/contract/example-list-icps.json");

#[test]
fn fixture_is_example_of_reference() {
    assert_eq!(icp_testkit::fixtures::EXAMPLE_LIST, EXAMPLE);
}

#[test]
fn example_of_contract_round_trips() {
    let mut count = 0;
    for element in Json::parse(EXAMPLE).unwrap().elements() {
        let icp = Icp::from_json(element.text(), Rules::Strict).unwrap();
        assert_eq!(icp.to_json(), element.to_owned().as_str());
        let written: serde_json::Value = serde_json::from_str(&icp.to_json()).unwrap();
        assert_eq!(written, serde_json::from_str::<serde_json::Value>(element.text()).unwrap());
        count += 1;
    }
    assert_eq!(count, 2);
}

#[test]
fn example_is_read_as_list_with_serde() {
    let list: Vec<Icp> = serde_json::from_str(EXAMPLE).unwrap();
    let written = serde_json::to_string(&list).unwrap();
    assert_eq!(written, Json::parse(EXAMPLE).unwrap().to_owned().as_str());
}

#[test]
fn fields_have_order_of_contract() {
    let minimal = r#"{"userIds":[],"updatedAt":"2024-01-20T14:22:00Z","name":"n","leadProviderCriteria":[],
        "createdAt":"2024-01-15T10:30:00Z","id":"550E8400-E29B-41D4-A716-446655440000"}"#;
    let written = Icp::from_json(minimal, Rules::Strict).unwrap().to_json();
    assert_eq!(
        written,
        concat!(
            r#"{"id":"550e8400-e29b-41d4-a716-446655440000","name":"n","description":null,"#,
            r#""createdAt":"2024-01-15T10:30:00.000Z","updatedAt":"2024-01-20T14:22:00.000Z","#,
            r#""leadProviderCriteria":[],"customFilterCriteria":[],"crmFilters":null,"userIds":[],"#,
            r#""leadsPerList":10,"activeUntil":null}"#,
        )
    );
}

#[test]
fn full_icp_round_trips_byte_for_byte() {
    let icp = Icp::from_json(FULL, Rules::Strict).unwrap();
    assert_eq!(icp.to_json(), FULL);
    assert_eq!(icp.validate(), Ok(()));
}

#[test]
fn every_custom_filter_type_round_trips() {
    let icp = Icp::from_json(FULL, Rules::Strict).unwrap();
    let known: Vec<&CustomFilter> = icp.custom_filter_criteria.iter().filter_map(MaybeKnown::known).collect();
    let texts: Vec<_> = known.iter().map(|filter| serde_json::to_value(filter).unwrap()).collect();
    let names: Vec<&str> = texts.iter().filter_map(|filter| filter["type"].as_str()).collect();
    assert_eq!(names, CustomFilter::TYPE_NAMES, "the example must have one filter of each type");

    let json = Json::parse(FULL).unwrap();
    for (index, filter) in known.into_iter().enumerate() {
        let text = at(json, &format!("/customFilterCriteria/{index}")).text();
        assert_eq!(serde_json::to_string(filter).unwrap(), text);
        assert_eq!(&serde_json::from_str::<CustomFilter>(text).unwrap(), filter);
    }
}

#[test]
fn fields_may_have_any_order_and_spacing() {
    let value: serde_json::Value = serde_json::from_str(FULL).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    let read = Icp::from_json(&pretty, Rules::Strict).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), value);
}

#[test]
fn characters_of_every_script_round_trip() {
    let name = "😀 e\u{301} \u{202e}שלום\u{2028}\u{feff}\u{7f} 𝒜";
    let icp = stored(&patched(r#""name":"Full""#, &format!(r#""name":"{name}""#)));
    assert_eq!(icp.name, name);
    assert!(icp.to_json().contains(name));
    assert_eq!(icp.validate(), Ok(()));
}

#[test]
fn icp_from_rust_values_is_validated() {
    let mut icp = stored(FULL);
    icp.leads_per_list = 0;
    icp.name = "with \0".into();
    icp.custom_filter_criteria.push(MaybeKnown::Known(MaxPercentFromCrm::new(101).into()));
    icp.user_ids.push("user ada".parse().unwrap());
    let violations = icp.validate().unwrap_err();
    let pointers: Vec<_> = violations.all().iter().map(|violation| violation.pointer.as_str()).collect();
    assert_eq!(pointers, ["/name", "/customFilterCriteria/7/value", "/userIds/2", "/leadsPerList"]);
}

#[test]
fn stored_icp_may_be_read_changed_and_validated() {
    let text = patched(r#""value":50"#, r#""value":50,"x":1.0"#)
        .replace(
            r#"{"type":"maxPeoplePerCompany","value":2}"#,
            r#"{"type":"maxPeoplePerCompany","value":1.5}"#,
        )
        .replace(r#""bullhorn""#, r#""salesforce""#)
        .replace(r#"["CTO"]"#, r#"[{"a":1,"a":"\ud800"}]"#)
        .replace(r#""leadsPerList":25"#, r#""leadsPerList":25,"colour":"red""#);
    let mut icp = stored(&text);
    assert_eq!(icp.unknown_fields.get("colour").map(JsonText::as_str), Some(r#""red""#));
    assert_eq!(icp.unknown_fields.get("size"), None);
    icp.name = "New".to_owned();
    assert_eq!(icp.validate(), Ok(()));
    assert_eq!(canonical(&icp.to_json()), icp.to_json());
    icp.name = String::new();
    assert!(icp.validate().is_err());
}

#[test]
fn searches_and_filters_omit_unknown_parts() {
    let text =
        patched(r#"{"type":"ai","entityType":"person","prompt":"Is it a buyer?"}"#, r#"{"type":"next"}"#);
    let icp = stored(&text);
    assert_eq!(icp.filters().count(), 6);
    assert_eq!(icp.searches(&SearchType::Company).count(), 1);
    assert_eq!(icp.searches(&SearchType::Person).count(), 0);
}
