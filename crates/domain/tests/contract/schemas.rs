//! Tests that the schemas agree with the parsers.

use icp_domain::{Caller, Icp, IcpPatch, NewIcp, Rules, schema};
use icp_testkit::fixtures::EXAMPLE_LIST;
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::generate::{Tree, mutated, mutations};
use super::support::{FULL, cases};

fn validator(name: &str) -> Validator {
    let schema = schema::json_schema(name).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

fn caller() -> Caller {
    Caller::admin("user_root".parse().unwrap())
}

/// Returns the body that creates the ICP in [`FULL`].
fn body() -> Value {
    let mut body: Value = serde_json::from_str(FULL).unwrap();
    for name in ["id", "createdAt", "updatedAt"] {
        body.as_object_mut().unwrap().remove(name);
    }
    body
}

#[test]
fn every_schema_is_valid() {
    for name in schema::components().keys() {
        let schema = schema::json_schema(name).unwrap_or_else(|| panic!("{name} refers to a missing schema"));
        jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        validator(name);
    }
    assert!(schema::json_schema("Nothing").is_none());
}

#[test]
fn examples_of_contract_match_schema() {
    let list: Value = serde_json::from_str(EXAMPLE_LIST).unwrap();
    for icp in list.as_array().unwrap() {
        validator("Icp").validate(icp).unwrap();
    }
    let full: Icp = serde_json::from_str(FULL).unwrap();
    validator("Icp").validate(&serde_json::to_value(&full).unwrap()).unwrap();
}

#[test]
fn response_schema_requires_every_field() {
    let full = serde_json::to_value(serde_json::from_str::<Icp>(FULL).unwrap()).unwrap();
    for name in full.as_object().unwrap().keys() {
        let mut without = full.clone();
        without.as_object_mut().unwrap().remove(name);
        assert!(!validator("Icp").is_valid(&without), "without {name}");
    }
    let mut newer = full;
    newer["colour"] = json!("red");
    assert!(validator("Icp").is_valid(&newer), "a newer version may add fields");
}

const LIMITS: [&str; 8] =
    ["maxLength", "minLength", "maxItems", "minimum", "maximum", "pattern", "uniqueItems", "enum"];

fn limits_in(schema: &Value) -> Vec<&str> {
    let Some(members) = schema.as_object() else {
        return schema.as_array().into_iter().flatten().flat_map(limits_in).collect();
    };
    let own = members.keys().map(String::as_str).filter(|name| LIMITS.contains(name));
    // Ignores `not`: the schema of the unknown filter uses it to exclude the known types.
    let inner = members.iter().filter(|(name, _)| *name != "not").flat_map(|(_, value)| limits_in(value));
    own.chain(inner).collect()
}

#[test]
fn response_schemas_have_no_limits() {
    assert_eq!(limits_in(&schema::json_schema("Icp").unwrap()), [""; 0]);
    let requests = [schema::json_schema("NewIcp").unwrap(), schema::json_schema("IcpPatch").unwrap()];
    let found: Vec<_> = requests.iter().flat_map(limits_in).collect();
    assert!(LIMITS.iter().all(|limit| found.contains(limit)), "{found:?}");

    let stored = FULL
        .replace(r#""leadsPerList":25"#, r#""leadsPerList":50000"#)
        .replace(r#""name":"Full""#, r#""name":"""#)
        .replace(r#""value":50"#, r#""value":1000"#)
        .replace("user_xyz789", " ")
        .replace(r#""bullhorn""#, r#""salesforce""#);
    let icp = Icp::from_json(&stored, Rules::Stored).unwrap();
    validator("Icp").validate(&serde_json::to_value(&icp).unwrap()).unwrap();
}

#[test]
fn response_schema_allows_unknown_filter_types() {
    let mut icp = serde_json::to_value(serde_json::from_str::<Icp>(FULL).unwrap()).unwrap();
    for (filter, is_valid) in [
        (json!({"type": "ofNextYear", "anything": [1]}), true),
        (json!({"type": "ai", "entityType": "dog", "prompt": "x"}), true),
        (json!({"type": "ai"}), false),
        (json!({"prompt": "x"}), false),
    ] {
        icp["customFilterCriteria"] = json!([filter]);
        assert_eq!(validator("Icp").is_valid(&icp), is_valid, "{filter}");
    }
}

#[test]
fn schemas_match_create_and_patch() {
    let valid_bodies =
        [json!({}), json!({"name": "x"}), body(), json!({"leadsPerList": 10.0}), json!({"crmFilters": null})];
    for members in valid_bodies {
        validator("IcpPatch").validate(&members).unwrap();
        IcpPatch::from_json(&members.to_string(), &caller()).unwrap();
    }
    for (member, value) in [
        ("colour", json!(1)),
        ("name", json!("")),
        ("name", json!("x".repeat(256))),
        ("name", Value::Null),
        ("leadsPerList", json!(0)),
        ("leadsPerList", json!(10.5)),
        ("name", json!(" \u{85}\u{feff}")),
        ("userIds", json!(["a b"])),
        ("userIds", json!(["a\u{feff}b"])),
        ("userIds", json!(["a\u{85}b"])),
        ("userIds", json!(["a", "a"])),
        ("activeUntil", json!("tomorrow")),
        ("leadProviderCriteria", json!([{"provider": "other", "filters": {}}])),
        ("customFilterCriteria", json!([{"type": "ofNextYear"}])),
        ("customFilterCriteria", json!([{"type": "maxPercentFromCRM", "value": 101}])),
        ("customFilterCriteria", json!([{"type": "ai", "entityType": "dog", "prompt": ""}])),
        ("crmFilters", json!({"provider": "bullhorn"})),
        ("crmFilters", json!({"provider": "bullhorn", "filters": [{"path": "", "mode": "x"}]})),
    ] {
        let patch = json!({member: value});
        assert!(!validator("IcpPatch").is_valid(&patch), "{patch}");
        assert!(IcpPatch::from_json(&patch.to_string(), &caller()).is_err(), "{patch}");
        let mut new = body();
        new[member] = patch[member].clone();
        assert!(!validator("NewIcp").is_valid(&new), "{patch}");
        assert!(NewIcp::from_json(&new.to_string()).is_err(), "{patch}");
    }
    for name in ["id", "createdAt", "updatedAt"] {
        let mut new = body();
        new[name] = json!("2024-01-15T10:30:00.000Z");
        assert!(!validator("NewIcp").is_valid(&new), "{name}");
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn accepted_bodies_match_schema(mutations in mutations()) {
        let tree = Tree::of(icp_domain::json::Json::parse(FULL).unwrap());
        let text = mutated(tree, mutations).compact();
        // A `Value` contains only the last of two members with one name, and no numbers beyond a double. This does not
        // affect the test: the strict rules refuse duplicate names, and accept such numbers only in values that the
        // schema does not limit.
        let Ok(value) = serde_json::from_str::<Value>(&text) else { return Ok(()) };
        if let Ok(icp) = Icp::from_json(&text, Rules::Strict) {
            let response = serde_json::from_str::<Value>(&icp.to_json()).unwrap();
            prop_assert!(validator("Icp").is_valid(&response), "{}", response);
            prop_assert!(validator("IcpPatch").is_valid(&value), "{}", value);
        }
        if let Ok(patch) = IcpPatch::from_json(&text, &caller()) {
            prop_assert!(validator("IcpPatch").is_valid(&value), "{} {:?}", value, patch);
        }
    }
}
