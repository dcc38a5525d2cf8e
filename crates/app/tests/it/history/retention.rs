//! The removal of old revisions.

use serde_json::json;

use crate::support::services::{start_on_postgres, start_on_sqlite};
use crate::support::users::MINIMAL_BODY;
use crate::support::{Service, Setup};

/// Starts a second instance with a disabled history. It must remove all revisions of deleted ICPs, and
/// all revisions of other ICPs except the newest.
async fn history_is_removed_if_disabled(service: Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let path = created.icp_path();
    ada.patch(&path, json!({"name": "other"})).await.assert_ok();
    let deleted_path = ada.create(MINIMAL_BODY).await.icp_path();
    ada.delete(&deleted_path).await;
    assert_eq!((ada.revisions(&path).await.len(), ada.deleted().await.len()), (2, 1));
    let token = ada.token.clone();
    let setup = service.setup.clone();
    let without_history = setup.clone().with("ICP__HISTORY__RETENTION_DAYS", "0").start();
    // The service removes the revisions shortly after its start.
    let removed = crate::support::eventually(std::time::Duration::from_secs(20), || async {
        let response = service.get(&format!("{path}/revisions"), Some(&token)).await;
        super::parse_array(&response).len() == 1
    });
    assert!(removed.await, "{}", without_history.log());
    assert!(ada.deleted().await.is_empty());
    let revisions = ada.revisions(&path).await;
    assert_eq!(revisions[0]["operation"], "update", "the current state must be kept");
}

#[tokio::test]
async fn sqlite_history_is_removed_if_disabled() {
    history_is_removed_if_disabled(start_on_sqlite(Setup::new())).await;
}

#[tokio::test]
async fn postgres_history_is_removed_if_disabled() {
    history_is_removed_if_disabled(start_on_postgres(Setup::new())).await;
}
