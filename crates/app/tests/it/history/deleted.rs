//! Deleted ICPs.

use serde_json::json;

use super::{DELETED_LIST, icp_text, property_of_each};
use crate::support::Service;
use crate::support::services::on_both_databases;
use crate::support::users::MINIMAL_BODY;

on_both_databases!(deleted_icps_are_listed_for_last_users);
async fn deleted_icps_are_listed_for_last_users(service: &Service) {
    let [ada, bob, eve] = ["user_ada", "user_bob", "user_eve"].map(|id| service.user(id));
    let root = service.admin("user_root");
    assert_eq!(ada.get(DELETED_LIST).await.assert_ok().body, "[]");
    let body = json!({"name": "shared", "leadProviderCriteria": [], "userIds": ["user_ada", "user_bob"]});
    let shared = ada.create(body).await;
    let own_icp = ada.create(MINIMAL_BODY).await;
    bob.delete(&shared.icp_path()).await;
    ada.delete(&own_icp.icp_path()).await;
    let deleted = ada.deleted().await;
    assert_eq!(
        property_of_each(&deleted, "icp"),
        [own_icp.json(), shared.json()],
        "the list must begin with the newest delete"
    );
    assert_eq!(property_of_each(&deleted, "operation"), ["delete", "delete"]);
    assert_eq!(property_of_each(&deleted, "by"), ["user_ada", "user_bob"]);
    assert_eq!(property_of_each(&deleted, "changed"), [json!([]), json!([])]);
    assert_eq!(property_of_each(&bob.deleted().await, "icp"), [shared.json()]);
    assert!(eve.deleted().await.is_empty());
    assert_eq!(root.deleted().await.len(), 2, "an admin must see the deleted ICPs of all users");
    ada.get(&own_icp.icp_path()).await.assert_problem(404, "NOT_FOUND");
    for (user, status) in [(&ada, 200), (&bob, 200), (&root, 200), (&eve, 403)] {
        let path = format!("{}/revisions", shared.icp_path());
        assert_eq!(user.get(&path).await.status, status);
    }
    let revisions = ada.revisions(&shared.icp_path()).await;
    assert_eq!(revisions[0]["revision"], deleted[1]["revision"]);
    let delete = deleted[1]["revision"].as_str().expect("the revision must be a string");
    assert_eq!(icp_text(&ada.revision(&shared.icp_path(), delete).await.assert_ok()), shared.body);
}

on_both_databases!(pages_contain_all_deleted_icps);
async fn pages_contain_all_deleted_icps(service: &Service) {
    let ada = service.user("user_ada");
    for _ in 0..5 {
        let path = ada.create(MINIMAL_BODY).await.icp_path();
        ada.delete(&path).await;
    }
    let complete_list = ada.deleted().await;
    let (mut pages, mut next) = (Vec::new(), Some(format!("{DELETED_LIST}?limit=2")));
    while let Some(page) = next {
        let response = ada.get(&page).await.assert_ok();
        assert!(super::parse_array(&response).len() <= 2);
        pages.extend(super::parse_array(&response));
        next = response.next_page();
    }
    assert_eq!((pages.len(), &pages), (5, &complete_list));
}

on_both_databases!(page_of_large_icps_is_shortened);
async fn page_of_large_icps_is_shortened(service: &Service) {
    let ada = service.user("user_ada");
    for _ in 0..6 {
        let filters = json!({"provider": "baseProvider", "filters": {"text": "x".repeat(1_000_000)}});
        let path = ada.create(json!({"name": "large", "leadProviderCriteria": [filters]})).await.icp_path();
        ada.delete(&path).await;
    }
    let (mut count, mut next) = (0, Some(DELETED_LIST.to_owned()));
    while let Some(page) = next {
        let response = ada.get(&page).await.assert_ok();
        assert!(response.body.len() < 7_000_000, "{}", response.body.len());
        count += super::parse_array(&response).len();
        next = response.next_page();
    }
    assert_eq!(count, 6);
}
