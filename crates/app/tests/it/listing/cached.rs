//! After a change by any user, the next response must contain the change, even if the list is cached.

use serde_json::json;

use crate::support::Service;
use crate::support::services::on_both_databases;

fn shared_icp() -> serde_json::Value {
    json!({"name": "shared", "leadProviderCriteria": [], "userIds": ["user_bob"]})
}

on_both_databases!(change_by_other_instance_is_listed);
async fn change_by_other_instance_is_listed(service: &Service) {
    let other_instance = service.setup.clone().start();
    let (ada, bob) = (other_instance.user("user_ada"), service.user("user_bob"));
    let path = ada.create(shared_icp()).await.icp_path();
    assert_eq!(bob.list_names().await, ["shared"]);
    for name in ["first", "second", "third"] {
        ada.patch(&path, json!({"name": name})).await.assert_ok();
        assert_eq!(bob.list_names().await, [name]);
        assert_eq!(bob.list_names().await, [name]);
    }
    ada.patch(&path, json!({"userIds": ["user_ada"]})).await.assert_ok();
    assert_eq!(bob.list().await, "[]", "the list must not contain the ICP after the access was revoked");
}

on_both_databases!(imported_icp_is_listed);
async fn imported_icp_is_listed(service: &Service) {
    let (ada, bob) = (service.user("user_ada"), service.user("user_bob"));
    let created = ada.create(shared_icp()).await;
    assert_eq!(bob.list_names().await, ["shared"]);
    service.import(&created.body.replace("shared", "imported"), &["--on-conflict", "replace"]);
    assert_eq!(bob.list_names().await, ["imported"]);
    ada.delete(&created.icp_path()).await;
    assert_eq!(bob.list().await, "[]");
}
