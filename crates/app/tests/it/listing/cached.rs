//! Cached lists must contain the changes of all users in the next response.

use serde_json::json;

use crate::support::Service;
use crate::support::services::on_both;

fn shared_icp() -> serde_json::Value {
    json!({"name": "shared", "leadProviderCriteria": [], "userIds": ["user_bob"]})
}

on_both!(change_by_other_instance_is_listed);
async fn change_by_other_instance_is_listed(service: &Service) {
    let other_instance = service.setup.clone().start();
    let (ada, bob) = (other_instance.user("user_ada"), service.user("user_bob"));
    let path = ada.create(shared_icp()).await.icp_path();
    assert_eq!(bob.listed().await, ["shared"]);
    for name in ["first", "second", "third"] {
        ada.patch(&path, json!({"name": name})).await.ok();
        assert_eq!(bob.listed().await, [name]);
        assert_eq!(bob.listed().await, [name]);
    }
    ada.patch(&path, json!({"userIds": ["user_ada"]})).await.ok();
    assert_eq!(bob.list().await, "[]", "the list must not contain the ICP after the access was revoked");
}

on_both!(imported_icp_is_listed);
async fn imported_icp_is_listed(service: &Service) {
    let (ada, bob) = (service.user("user_ada"), service.user("user_bob"));
    let created = ada.create(shared_icp()).await;
    assert_eq!(bob.listed().await, ["shared"]);
    service.import(&created.body.replace("shared", "imported"), &["--on-conflict", "replace"]);
    assert_eq!(bob.listed().await, ["imported"]);
    ada.delete(&created.icp_path()).await;
    assert_eq!(bob.list().await, "[]");
}
