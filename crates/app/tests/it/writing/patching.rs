//! Tests `PATCH /api/v1/entities/icps/{id}`.

use std::collections::BTreeSet;

use icp_testkit::fixtures::icp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::services::on_both_databases;
use crate::support::users::MINIMAL_BODY;
use crate::support::{Response, Service};

const ICP_WITH_ALL_FIELDS: &str = r#"{"name":"SMB","description":"small","activeUntil":"2030-01-01T00:00:00Z",
    "leadProviderCriteria":[{"provider":"baseProvider","type":"person","filters":{"a":1,"b":[2]}}],
    "customFilterCriteria":[{"type":"maxPeoplePerCompany","value":2},
        {"type":"ai","entityType":"person","prompt":"p"}],
    "crmFilters":{"provider":"bullhorn","textSearch":"CTO","filters":[],"query":"q"},"leadsPerList":25}"#;

/// Checks that `updatedAt` is later, that one field has the new value, and that all other fields are unchanged.
#[track_caller]
fn assert_only_field_changed(before: &Response, after: &Response, field: &str, value: &Value) {
    let [mut expected, after] = [before.json(), after.json()];
    let is_later = after["updatedAt"].as_str() > expected["updatedAt"].as_str();
    assert!(is_later, "updatedAt {} must be later than {}", after["updatedAt"], expected["updatedAt"]);
    expected["updatedAt"] = after["updatedAt"].clone();
    expected[field] = value.clone();
    assert_eq!(after, expected, "{field}");
}

on_both_databases!(patch_replaces_only_its_fields);
async fn patch_replaces_only_its_fields(service: &Service) {
    let ada = service.user("user_ada");
    for (field, sent, returned) in [
        ("name", r#""new""#, r#""new""#),
        ("description", r#""""#, r#""""#),
        ("description", "null", "null"),
        ("leadProviderCriteria", "[]", "[]"),
        (
            "leadProviderCriteria",
            r#"[{"provider":"baseProvider","filters":{"b":null}}]"#,
            r#"[{"provider":"baseProvider","type":"person","filters":{"b":null}}]"#,
        ),
        ("customFilterCriteria", "[]", "[]"),
        (
            "customFilterCriteria",
            r#"[{"type":"minDaysUntilReuse"}]"#,
            r#"[{"type":"minDaysUntilReuse","value":365}]"#,
        ),
        ("crmFilters", "null", "null"),
        ("crmFilters", r#"{"provider":"bullhorn","filters":[]}"#, r#"{"provider":"bullhorn","filters":[]}"#),
        ("userIds", r#"["user_bob","user_ada"]"#, r#"["user_bob","user_ada"]"#),
        ("leadsPerList", "1e1", "10"),
        ("activeUntil", "null", "null"),
        ("activeUntil", r#""2031-01-01T00:00:00+01:00""#, r#""2030-12-31T23:00:00.000Z""#),
    ] {
        let before = ada.create(ICP_WITH_ALL_FIELDS).await;
        let after = ada.patch(&before.icp_path(), format!(r#"{{"{field}":{sent}}}"#)).await.assert_ok();
        assert_only_field_changed(
            &before,
            &after,
            field,
            &serde_json::from_str(returned).expect("the text must be JSON"),
        );
        assert_ne!(after.etag(), before.etag(), "{field}");
        let read = ada.get(&before.icp_path()).await;
        assert_eq!((&read.body, read.etag()), (&after.body, after.etag()), "{field}");
    }
}

on_both_databases!(null_clears_three_fields_only);
async fn null_clears_three_fields_only(service: &Service) {
    let ada = service.user("user_ada");
    let before = ada.create(ICP_WITH_ALL_FIELDS).await;
    let path = before.icp_path();
    for field in [
        "name",
        "leadProviderCriteria",
        "customFilterCriteria",
        "userIds",
        "leadsPerList",
        "id",
        "createdAt",
        "updatedAt",
    ] {
        let rejected = ada.patch(&path, format!(r#"{{"description":"new","{field}":null}}"#)).await;
        assert_eq!(rejected.violations(), [format!("/{field} invalid_type")]);
    }
    assert_eq!(ada.get(&path).await.body, before.body);
    let all = r#"{"description":null,"crmFilters":null,"activeUntil":null}"#;
    let cleared = ada.patch(&path, all).await.assert_ok().json();
    for field in ["description", "crmFilters", "activeUntil"] {
        assert_eq!(cleared[field], Value::Null);
    }
}

on_both_databases!(patch_accepts_unchanged_icp);
async fn patch_accepts_unchanged_icp(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(ICP_WITH_ALL_FIELDS).await.icp_path();
    for (media_type, name) in [("application/json", "new"), ("application/merge-patch+json", "newer")] {
        let before = ada.get(&path).await;
        let mut document = before.json();
        document["name"] = name.into();
        let request = ada.request(Method::PATCH, &path).header("content-type", media_type);
        let after = Response::fetch(request.body(document.to_string())).await.assert_ok();
        assert_only_field_changed(&before, &after, "name", &name.into());
    }
}

on_both_databases!(patch_accepts_only_unchanged_server_fields);
async fn patch_accepts_only_unchanged_server_fields(service: &Service) {
    let ada = service.user("user_ada");
    let record = icp(7).with("updatedAt", "2024-01-20T14:22:00.500Z").json();
    service.import(&record, &[]);
    let path = format!("/api/v1/entities/icps/{}", icp_testkit::fixtures::id(7));
    let before = ada.get(&path).await.assert_ok();
    for (field, same, other) in [
        ("id", "00000000-0000-0000-0000-000000000007", "00000000-0000-0000-0000-000000000008"),
        ("createdAt", "2024-01-15T11:30:00+01:00", "2024-01-15T10:30:00.001Z"),
        ("updatedAt", "2024-01-20T14:22:00.5Z", "2024-01-20T14:22:00Z"),
    ] {
        let unchanged = ada.patch(&path, json!({field: same})).await.assert_ok();
        assert_eq!((&unchanged.body, unchanged.etag()), (&before.body, before.etag()));
        let rejected = ada.patch(&path, json!({field: other, "name": "new"})).await;
        if field == "updatedAt" {
            rejected.assert_problem(412, "PRECONDITION_FAILED");
        } else {
            assert_eq!(rejected.violations(), [format!("/{field} read_only")]);
        }
        let rejected = ada.patch(&path, json!({field: "nonsense"})).await;
        assert_eq!(rejected.violations(), [format!("/{field} invalid_value")]);
    }
    let all = json!({"id": "00000000-0000-0000-0000-000000000008", "createdAt": "2024-01-16T00:00:00Z",
        "updatedAt": "2024-01-16T00:00:00Z", "userIds": []});
    let rejected = ada.patch(&path, all).await;
    let expected = ["/createdAt read_only", "/id read_only", "/userIds invalid_value"];
    assert_eq!(rejected.violations(), expected, "the service must check the fields before the version");
    let other_id = r#""id":"00000000-0000-0000-0000-000000000008""#;
    for (name, expected) in [("new", vec!["/userIds", "/id"]), ("", vec!["/name", "/userIds", "/id"])] {
        let rejected = ada.patch(&path, format!(r#"{{"name":"{name}","userIds":[],{other_id}}}"#)).await;
        let problem = rejected.json();
        let errors = problem["errors"].as_array().expect("the problem must have errors");
        let pointers: Vec<_> =
            errors.iter().map(|error| error["pointer"].as_str().unwrap_or_default()).collect();
        assert_eq!(pointers, expected, "all errors must be reported in document order");
    }
    assert_eq!(ada.get(&path).await.body, before.body);
}

on_both_databases!(change_without_effect_keeps_version_and_time);
async fn change_without_effect_keeps_version_and_time(service: &Service) {
    let ada = service.user("user_ada");
    let before = ada.create(ICP_WITH_ALL_FIELDS).await;
    let same_values_in_other_notation = r#"{"leadsPerList":25.0,"activeUntil":"2030-01-01T01:00:00+01:00",
        "leadProviderCriteria":[{"filters":{"a":1, "b":[2]},"provider":"baseProvider"}]}"#;
    for body in ["{}", ICP_WITH_ALL_FIELDS, &before.body, same_values_in_other_notation] {
        let after = ada.patch(&before.icp_path(), body).await.assert_ok();
        assert_eq!((&after.body, after.etag()), (&before.body, before.etag()), "{body}");
    }
    assert_eq!(ada.list().await, format!("[{}]", before.body));
}

on_both_databases!(every_change_advances_version_and_time);
async fn every_change_advances_version_and_time(service: &Service) {
    let ada = service.user("user_ada");
    let mut last = ada.create(MINIMAL_BODY).await;
    let path = last.icp_path();
    let mut tags = BTreeSet::from([last.etag().to_owned()]);
    for round in 0..20 {
        let next = ada.patch(&path, json!({"name": format!("round {}", round % 2)})).await.assert_ok();
        assert!(next.json()["updatedAt"].as_str() > last.json()["updatedAt"].as_str(), "round {round}");
        assert_eq!(next.json()["createdAt"], last.json()["createdAt"]);
        assert!(tags.insert(next.etag().to_owned()), "{} must be a new tag in round {round}", next.etag());
        last = next;
    }
}

on_both_databases!(unknown_stored_fields_survive_patches);
async fn unknown_stored_fields_survive_patches(service: &Service) {
    let icp_with_unknown_values = concat!(
        r#"{"id":"00000000-0000-0000-0000-000000000009","name":"old","description":null,"#,
        r#""createdAt":"2024-01-15T10:30:00.000Z","updatedAt":"2024-01-15T10:30:00.000Z","#,
        r#""leadProviderCriteria":[{"provider":"nextProvider","type":"robot","#,
        r#""filters":{"b":1.0,"a":1e400,"b":"\ud83e"}}],"#,
        r#""customFilterCriteria":[{"type":"ofNextYear","z":[1E2,"\u00e4"],"a":{}},"#,
        r#"{"type":"maxPercentFromCRM","value":1000}],"#,
        r#""crmFilters":{"provider":"nextCRM","filters":[{"path":"","mode":7}],"depth":-0},"#,
        r#""userIds":["user_ada","user with spaces","user_ada"],"leadsPerList":0,"activeUntil":null,"#,
        r#""colour":{"z":12345678901234567890.50,"a":null}}"#,
    );
    service.import(icp_with_unknown_values, &[]);
    let ada = service.user("user_ada");
    let path = "/api/v1/entities/icps/00000000-0000-0000-0000-000000000009";
    assert_eq!(ada.get(path).await.assert_ok().body, icp_with_unknown_values);
    let patched = ada.patch(path, r#"{"name":"new"}"#).await.assert_ok();
    let (_, updated_at) =
        patched.body.split_once(r#""updatedAt":""#).expect("the response must contain updatedAt");
    let expected = icp_with_unknown_values.replace(r#""name":"old""#, r#""name":"new""#).replace(
        r#""updatedAt":"2024-01-15T10:30:00.000Z"#,
        &format!(r#""updatedAt":"{}"#, &updated_at[..24]),
    );
    assert_ne!(&updated_at[..24], "2024-01-15T10:30:00.000Z");
    assert_eq!(patched.body, expected);
    assert_eq!(ada.list().await, format!("[{expected}]"));

    // A patch may not contain the unknown values, even if they are unchanged.
    let rejected = ada.patch(path, &expected).await.violations();
    for violation in [
        "/colour unknown_field",
        "/crmFilters/provider invalid_value",
        "/customFilterCriteria/0/type invalid_value",
        "/customFilterCriteria/1/value out_of_range",
        "/leadProviderCriteria/0/filters/b duplicate",
        "/leadProviderCriteria/0/filters/b malformed",
        "/leadProviderCriteria/0/provider invalid_value",
        "/leadProviderCriteria/0/type invalid_value",
        "/leadsPerList out_of_range",
        "/userIds/1 invalid_value",
        "/userIds/2 duplicate",
    ] {
        assert!(rejected.contains(&violation.to_owned()), "{violation} must be in {rejected:?}");
    }
    let replaced = ada.patch(path, r#"{"customFilterCriteria":[]}"#).await.assert_ok();
    assert!(!replaced.body.contains("ofNextYear") && replaced.body.contains("nextProvider"));
}
