//! Tests the quotas of creators, the limit of users per ICP, and the size limit of ICPs.

use serde_json::json;

use crate::support::services::on_both_databases;
use crate::support::users::MINIMAL_BODY;
use crate::support::{Response, Service, Setup};

fn set_low_count_limits(setup: Setup) -> Setup {
    setup.with("ICP__LIMITS__ICPS_PER_CREATOR", "2").with("ICP__LIMITS__USER_IDS_PER_ICP", "3")
}

fn set_low_byte_limit(setup: Setup) -> Setup {
    setup.with("ICP__LIMITS__ICPS_PER_CREATOR", "10").with("ICP__LIMITS__BYTES_PER_CREATOR", "20000")
}

on_both_databases!(create_beyond_quota_is_rejected, with set_low_count_limits);
async fn create_beyond_quota_is_rejected(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    let for_bob = json!({"name": "x", "leadProviderCriteria": [], "userIds": ["user_bob"]});
    let second = ada.create(&for_bob).await.icp_path();
    ada.patch(&second, json!({"userIds": ["user_bob"]})).await.assert_ok();
    let rejected = ada.post(MINIMAL_BODY).await;
    rejected.assert_problem(403, "FORBIDDEN");
    assert!(
        rejected.json()["detail"].as_str().is_some_and(|detail| detail.contains("2 ICPs")),
        "{rejected:?}"
    );
    bob.create(MINIMAL_BODY).await;
    ada.delete(&path).await;
    ada.create(MINIMAL_BODY).await;
}

on_both_databases!(replaced_icp_counts_towards_quota_of_creator, with set_low_count_limits);
async fn replaced_icp_counts_towards_quota_of_creator(service: &Service) {
    let ada = service.user("user_ada");
    for _ in 0..2 {
        let created = ada.create(MINIMAL_BODY).await;
        service.import(&created.body, &["--on-conflict", "replace"]);
    }
    ada.post(MINIMAL_BODY).await.assert_problem(403, "FORBIDDEN");
}

on_both_databases!(repeated_create_is_replayed_beyond_quota, with set_low_count_limits);
async fn repeated_create_is_replayed_beyond_quota(service: &Service) {
    let ada = service.user("user_ada");
    let create =
        |key: &'static str| Response::fetch(ada.post_request(MINIMAL_BODY).header("idempotency-key", key));
    let first = create("one").await;
    let statuses = [first.status, create("two").await.status, create("three").await.status];
    assert_eq!(statuses.map(|status| status.as_u16()), [201, 201, 403]);
    let replayed = create("one").await;
    assert_eq!((&replayed.body, replayed.header("idempotency-replayed")), (&first.body, "true"));
}

on_both_databases!(byte_quota_rejects_create_and_growth, with set_low_byte_limit);
async fn byte_quota_rejects_create_and_growth(service: &Service) {
    let ada = service.user("user_ada");
    let create = |length| json!({"name": "x", "leadProviderCriteria": [], "description": "d".repeat(length)});
    let path = ada.create(create(9_000)).await.icp_path();
    ada.create(create(9_000)).await;
    ada.post(create(9_000)).await.assert_problem(403, "FORBIDDEN");
    let rejected = ada
        .patch(
            &path,
            json!({"crmFilters": {"provider": "bullhorn", "filters": [], "query": "q".repeat(9_000)}}),
        )
        .await;
    rejected.assert_problem(403, "FORBIDDEN");
    ada.patch(&path, json!({"description": "short", "name": "y"})).await.assert_ok();
}

on_both_databases!(setting_limits_new_users, with set_low_count_limits);
async fn setting_limits_new_users(service: &Service) {
    let ada = service.user("user_ada");
    let users = |count: usize| json!((0..count).map(|number| format!("user_{number}")).collect::<Vec<_>>());
    let create = |count| json!({"name": "x", "leadProviderCriteria": [], "userIds": users(count)});
    assert_eq!(
        ada.post(create(3)).await.violations(),
        ["/userIds too_long"],
        "the service must count the creator as the fourth user"
    );
    let path = ada.create(create(2)).await.icp_path();
    assert_eq!(ada.patch(&path, json!({"userIds": users(4)})).await.violations(), ["/userIds too_long"]);
    assert_eq!(ada.share(&path, "user_9").await.violations(), ["userId too_long"]);
}

on_both_databases!(existing_icp_keeps_its_users, with set_low_count_limits);
async fn existing_icp_keeps_its_users(service: &Service) {
    let users: Vec<_> = (0..2_000).map(|number| format!("user_{number}")).collect();
    service.import(&icp_testkit::fixtures::icp(1).with("userIds", users.clone()).json(), &[]);
    let path = format!("/api/v1/entities/icps/{}", icp_testkit::fixtures::id(1));
    let first = service.user("user_1");
    first.patch(&path, json!({"name": "new"})).await.assert_ok();
    assert_eq!(first.share(&path, "user_new").await.violations(), ["userId too_long"]);
    let remaining = first.unshare(&path, "user_1").await.assert_ok();
    assert_eq!(remaining.json()["userIds"].as_array().map(Vec::len), Some(1_999));
    first.get(&path).await.assert_problem(403, "FORBIDDEN");
}

on_both_databases!(stored_icp_has_size_limit);
async fn stored_icp_has_size_limit(service: &Service) {
    let ada = service.user("user_ada");
    let filters = |length: usize| {
        let criterion = json!({"provider": "baseProvider", "filters": {"text": "x".repeat(length)}});
        json!({"name": "x", "leadProviderCriteria": [criterion]})
    };
    let path = ada.create(filters(1_000_000)).await.icp_path();
    let texts = |count: usize| vec!["s".repeat(1_000); count];
    let webscraping = |count| {
        json!({"type": "webscraping", "provider": "firecrawl", "extractionPrompt": "", "pageFindingPrompt": "",
            "includeSearchStrings": texts(count), "excludeSearchStrings": []})
    };
    let custom = json!({"customFilterCriteria": [webscraping(1_000)]});
    ada.patch(&path, &custom).await.assert_ok();
    let mut users: Vec<_> = (0..990).map(|number| format!("user_ada{number:0>240}")).collect();
    users.push("user_ada".to_owned());
    let rejected = ada.patch(&path, json!({"userIds": users})).await;
    assert_eq!(rejected.violations(), [" too_long"]);
    ada.patch(&path, json!({"customFilterCriteria": []})).await.assert_ok();
}
