//! What is too old.

use serde_json::json;

use crate::support::services::{on_postgres, on_sqlite};
use crate::support::users::SMB;
use crate::support::{Service, Setup};

/// Turns off a history that was on: the service removes it.
async fn history_is_removed_if_disabled(service: Service) {
    let ada = service.user("user_ada");
    let created = ada.create(SMB).await;
    let path = created.icp_path();
    ada.patch(&path, json!({"name": "other"})).await.ok();
    let gone = ada.create(SMB).await.icp_path();
    ada.delete(&gone).await;
    assert_eq!((ada.revisions(&path).await.len(), ada.deleted().await.len()), (2, 1));
    let token = ada.token.clone();
    let setup = service.setup.clone();
    let off = setup.clone().with("ICP__HISTORY__RETENTION_DAYS", "0").start();
    // It removes at its start, a moment after it listens.
    let removed = crate::support::eventually(std::time::Duration::from_secs(20), || async {
        let response = service.get(&format!("{path}/revisions"), Some(&token)).await;
        super::array(&response).len() == 1
    });
    assert!(removed.await, "{}", off.log());
    assert!(ada.deleted().await.is_empty());
    let revisions = ada.revisions(&path).await;
    assert_eq!(revisions[0]["operation"], "update", "the current state is never removed");
}

#[tokio::test]
async fn sqlite_history_is_removed_if_disabled() {
    history_is_removed_if_disabled(on_sqlite(Setup::new())).await;
}

#[tokio::test]
async fn postgres_history_is_removed_if_disabled() {
    history_is_removed_if_disabled(on_postgres(Setup::new())).await;
}
