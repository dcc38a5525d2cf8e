//! Tests `POST /api/v1/entities/icps`.

use icp_ports::{Clock as _, SystemClock};
use icp_testkit::fixtures::EXAMPLE_LIST;
use serde_json::{Value, json};

use crate::support::services::on_both_databases;
use crate::support::users::MINIMAL_BODY;
use crate::support::{LIST, Service};

/// Custom filters of every type that the contract describes.
const EVERY_FILTER: &str = concat!(
    r#"[{"type":"website","provider":"browserUse","prompt":"Is it a shop?"},"#,
    r#"{"type":"webscraping","provider":"firecrawl","extractionPrompt":"Which ERP?","#,
    r#""pageFindingPrompt":"Find jobs","includeSearchStrings":["jobs","careers"],"#,
    r#""excludeSearchStrings":[]},"#,
    r#"{"type":"ai","entityType":"company","prompt":"Is it B2B?"},"#,
    r#"{"type":"ai","entityType":"person","prompt":"Do they decide?"},"#,
    r#"{"type":"maxPeoplePerCompany","value":2},"#,
    r#"{"type":"maxPercentFromCRM","value":50},"#,
    r#"{"type":"minDaysUntilReuse","value":180},"#,
    r#"{"type":"matchFieldWithRegex","field":"company.headcount","regex":"^\\d{2,}$"}]"#,
);

const CRM_FILTERS: &str = concat!(
    r#""crmFilters":{"provider":"bullhorn","textSearch":"Head OR Leit* OR Direktor","filters":["#,
    r#"{"path":"address.countryID","mode":"equals","value":[1.0,"x",null],"exclude":true},"#,
    r#"{"path":"a","mode":"b","value":null,"exclude":false},{"path":"a","mode":"b"}],"query":""}"#,
);

on_both_databases!(response_has_every_field_in_order);
async fn response_has_every_field_in_order(service: &Service) {
    let ada = service.user("user_ada");
    let before = SystemClock.now().to_string();
    let created = ada.create(MINIMAL_BODY).await;
    let after = SystemClock.now().to_string();
    let icp = created.json();
    let [id, time] =
        ["id", "createdAt"].map(|field| icp[field].as_str().expect("the value must be a string"));
    let expected = format!(
        concat!(
            r#"{{"id":"{id}","name":"SMB","description":null,"createdAt":"{time}","updatedAt":"{time}","#,
            r#""leadProviderCriteria":[],"customFilterCriteria":[],"crmFilters":null,"#,
            r#""userIds":["user_ada"],"leadsPerList":10,"activeUntil":null}}"#,
        ),
        id = id,
        time = time
    );
    assert_eq!(created.body, expected);
    assert!((before.as_str()..=&after).contains(&time), "{time} must be between {before} and {after}");
    assert_eq!(created.header("location"), format!("{LIST}/{id}"));
    assert_eq!(created.header("content-type"), "application/json");
    assert!(created.etag().len() > 2 && created.etag().starts_with('"'), "{created:?}");
}

on_both_databases!(creator_is_in_user_ids_once);
async fn creator_is_in_user_ids_once(service: &Service) {
    let ada = service.user("user_ada");
    assert_eq!(ada.create(MINIMAL_BODY).await.json()["userIds"], json!(["user_ada"]));
    for (listed, expected) in [
        (json!([]), json!(["user_ada"])),
        (json!(["user_ada"]), json!(["user_ada"])),
        (json!(["user_cy", "user_bob"]), json!(["user_cy", "user_bob", "user_ada"])),
        (json!(["user_cy", "user_ada", "user_bob"]), json!(["user_cy", "user_ada", "user_bob"])),
        (json!(["user_ada2", "user_Ada"]), json!(["user_ada2", "user_Ada", "user_ada"])),
    ] {
        let body = json!({"name": "SMB", "leadProviderCriteria": [], "userIds": listed});
        assert_eq!(ada.create(body).await.json()["userIds"], expected, "{listed}");
    }
    let admin = service.admin("user_root");
    assert_eq!(admin.create(MINIMAL_BODY).await.json()["userIds"], json!(["user_root"]));
    assert_eq!(admin.list_names().await, ["SMB"], "an admin must become a user of the created ICP");
}

on_both_databases!(created_icp_is_at_location_and_in_lists);
async fn created_icp_is_at_location_and_in_lists(service: &Service) {
    let [ada, bob, cy] = ["user_ada", "user_bob", "user_cy"].map(|id| service.user(id));
    let admin = service.admin("user_root");
    let body = json!({"name": "SMB", "leadProviderCriteria": [], "userIds": ["user_bob"]});
    let created = ada.create(body).await;
    let read = ada.get(created.header("location")).await.assert_ok();
    assert_eq!((&read.body, read.etag()), (&created.body, created.etag()));
    for user in [&ada, &bob] {
        assert_eq!(user.list().await, format!("[{}]", created.body));
    }
    for other in [&cy, &admin] {
        assert_eq!(other.list().await, "[]");
    }
    let second = ada.create(r#"{"name":"later","leadProviderCriteria":[]}"#).await;
    assert_eq!(ada.list().await, format!("[{},{}]", created.body, second.body));
    assert_ne!(created.icp_path(), second.icp_path());
}

on_both_databases!(response_contains_default_values);
async fn response_contains_default_values(service: &Service) {
    let ada = service.user("user_ada");
    let body = r#"{"name":"SMB",
        "leadProviderCriteria":[{"filters":{},"provider":"baseProvider"},
            {"provider":"baseProvider","type":"company","filters":{}}],
        "customFilterCriteria":[{"type":"maxPeoplePerCompany"},{"type":"maxPercentFromCRM"},
            {"type":"minDaysUntilReuse"}]}"#;
    let created = ada.create(body).await;
    for expected in [
        concat!(
            r#""leadProviderCriteria":[{"provider":"baseProvider","type":"person","filters":{}},"#,
            r#"{"provider":"baseProvider","type":"company","filters":{}}]"#,
        ),
        concat!(
            r#""customFilterCriteria":[{"type":"maxPeoplePerCompany","value":1},"#,
            r#"{"type":"maxPercentFromCRM","value":100},{"type":"minDaysUntilReuse","value":365}]"#,
        ),
    ] {
        assert!(created.body.contains(expected), "{expected}\nmust be in\n{}", created.body);
    }
    assert_eq!(ada.list().await, format!("[{}]", created.body));
}

on_both_databases!(times_are_returned_in_utc_with_milliseconds);
async fn times_are_returned_in_utc_with_milliseconds(service: &Service) {
    let ada = service.user("user_ada");
    for (sent, returned) in [
        ("2030-12-31T23:59:59Z", "2030-12-31T23:59:59.000Z"),
        ("2030-06-01T12:30:00.5+05:30", "2030-06-01T07:00:00.500Z"),
        ("2030-12-31T23:30:00-01:00", "2031-01-01T00:30:00.000Z"),
        ("2030-06-01t12:30:00.123987654z", "2030-06-01T12:30:00.123Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ] {
        let body = json!({"name": "SMB", "leadProviderCriteria": [], "activeUntil": sent});
        let created = ada.create(body).await;
        assert_eq!(created.json()["activeUntil"], returned, "{sent}");
        assert_eq!(ada.get(&created.icp_path()).await.body, created.body);
    }
}

on_both_databases!(integers_are_returned_in_decimal_notation);
async fn integers_are_returned_in_decimal_notation(service: &Service) {
    let ada = service.user("user_ada");
    for ten in ["10", "10.0", "1e1", "1E+1", "100e-1", "10.000e0"] {
        let body = format!(
            r#"{{"name":"SMB","leadProviderCriteria":[],"leadsPerList":{ten},
                "customFilterCriteria":[{{"type":"maxPercentFromCRM","value":{ten}}}]}}"#
        );
        let created = ada.create(body).await;
        assert!(created.body.contains(r#""leadsPerList":10,"#), "{ten}: {}", created.body);
        assert!(created.body.contains(r#""value":10}"#), "{ten}: {}", created.body);
    }
}

on_both_databases!(custom_and_crm_filters_are_returned_as_sent);
async fn custom_and_crm_filters_are_returned_as_sent(service: &Service) {
    let ada = service.user("user_ada");
    let custom = format!(r#""customFilterCriteria":{EVERY_FILTER}"#);
    for field in [
        custom.as_str(),
        r#""crmFilters":null"#,
        r#""crmFilters":{"provider":"bullhorn","filters":[]}"#,
        r#""crmFilters":{"provider":"bullhorn","textSearch":null,"filters":[],"query":null}"#,
        CRM_FILTERS,
    ] {
        let created = ada.create(format!(r#"{{"name":"SMB","leadProviderCriteria":[],{field}}}"#)).await;
        assert!(created.body.contains(field), "{field}\nmust be in\n{}", created.body);
        assert_eq!(ada.get(&created.icp_path()).await.body, created.body);
    }
}

on_both_databases!(provider_filters_are_returned_as_sent);
async fn provider_filters_are_returned_as_sent(service: &Service) {
    let ada = service.user("user_ada");
    for filters in [
        r#"{"z":1.0,"a":1e400,"m":123456789012345678901234567890,"n":-0.0,"i":9007199254740993}"#,
        r#"{"b":{"":[],"x/y~z":{}},"a":[null,true,false,"",[[]]]}"#,
        r#"{"text":"Ä 🦀 שלום \u2028 \u00e4 \" \\ \/ \n","name with spaces":0.1}"#,
        "{}",
    ] {
        let criterion = format!(r#"{{"provider":"baseProvider","type":"person","filters":{filters}}}"#);
        let body = format!(r#"{{"name":"SMB","leadProviderCriteria":[{criterion}]}}"#);
        let created = ada.create(body).await;
        assert!(created.body.contains(&criterion), "{criterion}\nmust be in\n{}", created.body);
        assert_eq!(ada.get(created.header("location")).await.body, created.body);
    }
}

on_both_databases!(examples_of_reference_can_be_created);
async fn examples_of_reference_can_be_created(service: &Service) {
    let creator = service.user("user_one");
    let examples: Vec<Value> = serde_json::from_str(EXAMPLE_LIST).expect("the body must be a list");
    for mut example in examples {
        let fields = example.as_object_mut().expect("the ICP must be an object");
        fields.retain(|name, _| !["id", "createdAt", "updatedAt"].contains(&name.as_str()));
        let mut created = creator.create(&example).await.json();
        let users = example["userIds"].as_array_mut().expect("the value must be an array");
        users.push("user_one".into());
        let fields = created.as_object_mut().expect("the ICP must be an object");
        fields.retain(|name, _| !["id", "createdAt", "updatedAt"].contains(&name.as_str()));
        assert_eq!(created, example);
    }
}

on_both_databases!(texts_of_any_script_are_returned);
async fn texts_of_any_script_are_returned(service: &Service) {
    let ada = service.user("user_ada");
    for text in
        ["Ä 🦀 שלום e\u{301} \u{2028}", "'; DROP TABLE icps; --", " \t.\n", "\u{1}\u{1f}\u{7f}", "%s\\u0000"]
    {
        let body = json!({"name": text, "description": text, "leadProviderCriteria": []});
        let created = ada.create(&body).await;
        assert_eq!(created.json()["name"], text);
        assert_eq!(created.json()["description"], text);
        assert_eq!(ada.get(&created.icp_path()).await.body, created.body);
    }
}
