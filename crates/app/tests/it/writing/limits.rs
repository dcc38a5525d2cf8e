//! Tests values at the limits, and values that exceed the limits by one.

use serde_json::json;

use crate::support::services::on_both_databases;
use crate::support::{Service, Setup};
use crate::writing::target::{Target, create_with};

/// Returns a JSON array of `count` texts.
fn json_array(count: usize, text: impl Fn(usize) -> String) -> String {
    json!((0..count).map(text).collect::<Vec<_>>()).to_string()
}

on_both_databases!(values_at_limits_are_accepted);
async fn values_at_limits_are_accepted(service: &Service) {
    let text = |length| "🦀".repeat(length);
    let fields = [
        r#""name":"x""#.to_owned(),
        format!(r#""name":"{}""#, text(255)),
        r#""description":"""#.to_owned(),
        format!(r#""description":"{}""#, text(10_000)),
        r#""leadsPerList":1"#.to_owned(),
        r#""leadsPerList":10000"#.to_owned(),
        r#""activeUntil":"1970-01-01T00:00:00Z""#.to_owned(),
        r#""leadProviderCriteria":[]"#.to_owned(),
        format!(r#""userIds":["user_ada","{}"]"#, text(255)),
        r#""customFilterCriteria":[{"type":"website","provider":"of our own","prompt":""}]"#.to_owned(),
        format!(r#""crmFilters":{{"provider":"bullhorn","filters":[],"query":"{}"}}"#, text(20_000)),
        r#""customFilterCriteria":[{"type":"maxPercentFromCRM","value":0},
            {"type":"maxPercentFromCRM","value":100},
            {"type":"maxPeoplePerCompany","value":1},{"type":"minDaysUntilReuse","value":0}]"#
            .to_owned(),
        format!(
            r#""customFilterCriteria":[{{"type":"matchFieldWithRegex","field":"f","regex":"{}"}}]"#,
            "x".repeat(1_000)
        ),
    ];
    let target = Target::create(service).await;
    for fields in &fields {
        let created = target.user.create(create_with(fields)).await;
        assert_eq!(target.user.get(&created.icp_path()).await.assert_ok().body, created.body);
        let patched = target.user.patch(&target.path, format!("{{{fields}}}")).await.assert_ok();
        assert_eq!(target.user.get(&target.path).await.assert_ok().body, patched.body);
    }
}

on_both_databases!(values_beyond_limits_are_rejected);
async fn values_beyond_limits_are_rejected(service: &Service) {
    let repeat = |element: &str, count: usize| vec![element; count].join(",");
    let cases = [
        (
            format!(
                r#""leadProviderCriteria":[{}]"#,
                repeat(r#"{"provider":"baseProvider","filters":{}}"#, 101)
            ),
            "/leadProviderCriteria too_long",
        ),
        (
            format!(r#""customFilterCriteria":[{}]"#, repeat(r#"{"type":"minDaysUntilReuse"}"#, 101)),
            "/customFilterCriteria too_long",
        ),
        (
            format!(
                r#""customFilterCriteria":[{{"type":"website","provider":"p","prompt":"{}"}}]"#,
                "x".repeat(20_001)
            ),
            "/customFilterCriteria/0/prompt too_long",
        ),
        (
            format!(
                r#""customFilterCriteria":[{{"type":"website","provider":"{}","prompt":"p"}}]"#,
                "x".repeat(256)
            ),
            "/customFilterCriteria/0/provider too_long",
        ),
        (
            format!(
                r#""customFilterCriteria":[{{"type":"matchFieldWithRegex","field":"f","regex":"{}"}}]"#,
                "x".repeat(1_001)
            ),
            "/customFilterCriteria/0/regex too_long",
        ),
        (
            format!(
                r#""crmFilters":{{"provider":"bullhorn","textSearch":"{}","filters":[]}}"#,
                "x".repeat(20_001)
            ),
            "/crmFilters/textSearch too_long",
        ),
        (
            format!(
                r#""crmFilters":{{"provider":"bullhorn","filters":[{}]}}"#,
                repeat(r#"{"path":"p","mode":"m"}"#, 1_001)
            ),
            "/crmFilters/filters too_long",
        ),
        (format!(r#""userIds":{}"#, json_array(10_001, |number| format!("u{number}"))), "/userIds too_long"),
    ];
    let target = Target::create(service).await;
    for (fields, violation) in &cases {
        target.assert_rejected(fields, &[(*violation).to_owned()]).await;
    }
}

fn allow_ten_thousand_users(setup: Setup) -> Setup {
    setup.with("ICP__LIMITS__USER_IDS_PER_ICP", "10000")
}

on_both_databases!(creator_counts_towards_ten_thousand_users, with allow_ten_thousand_users);
async fn creator_counts_towards_ten_thousand_users(service: &Service) {
    let target = Target::create(service).await;
    let user_ids = |count| format!(r#""userIds":{}"#, json_array(count, |number| format!("user_{number}")));
    let rejected = target.user.post(create_with(&user_ids(10_000))).await;
    assert_eq!(rejected.violations(), ["/userIds too_long"]);
    target.assert_unchanged().await;
    let created = target.user.create(create_with(&user_ids(9_999))).await;
    let users = created.json()["userIds"].as_array().map(Vec::len);
    assert_eq!(users, Some(10_000));
    assert_eq!(service.user("user_9998").list().await, format!("[{}]", created.body));
    let new_user_ids =
        format!(r#"{{"userIds":{}}}"#, json_array(10_000, |number| format!("user_{}", number + 9_998)));
    let patched = target.user.patch(&created.icp_path(), new_user_ids).await.assert_ok();
    assert_eq!(service.user("user_9997").list().await, "[]");
    for user in ["user_9998", "user_19997"] {
        assert_eq!(service.user(user).list().await, format!("[{}]", patched.body));
    }
}
