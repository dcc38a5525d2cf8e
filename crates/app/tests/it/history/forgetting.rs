//! `icp forget-user`.

use serde_json::json;

use super::each;
use crate::support::services::on_both;
use crate::support::users::SMB;
use crate::support::{Service, stderr};

on_both!(forgotten_user_is_in_no_icp_and_no_history);
async fn forgotten_user_is_in_no_icp_and_no_history(service: &Service) {
    let [ada, eve] = ["user_ada", "user_eve"].map(|id| service.user(id));
    let body = json!({"name": "SMB", "leadProviderCriteria": [], "userIds": ["user_ada", "user_eve"]});
    let created = eve.create(&body).await;
    let path = created.icp_path();
    eve.patch(&path, json!({"name": "by Eve"})).await.ok();
    let gone = eve.create(&body).await.icp_path();
    eve.delete(&gone).await;
    let alone = eve.create(SMB).await.icp_path();
    for _ in 0..2 {
        let forgotten = service.setup.icp(&["forget-user", "user_eve"]);
        assert!(forgotten.status.success(), "{}", stderr(&forgotten));
        assert!(stderr(&forgotten).contains("from all histories"), "{}", stderr(&forgotten));
    }
    assert_eq!(eve.list().await, "[]");
    assert!(eve.deleted().await.is_empty());
    eve.get(&path).await.assert_problem(403, "FORBIDDEN");
    let root = service.admin("user_root");
    for path in [&path, &gone, &alone] {
        let revisions = root.revisions(path).await;
        assert!(!each(&revisions, "by").contains(&json!("user_eve")), "{revisions:?}");
        for revision in revisions {
            let revision = root.revision(path, revision["revision"].as_str().expect("a revision")).await.ok();
            assert!(!revision.body.contains("user_eve"), "{}", revision.body);
        }
    }
    let changed = ada.get(&path).await.ok();
    assert_eq!(
        (&changed.json()["userIds"], &changed.json()["name"]),
        (&json!(["user_ada"]), &json!("by Eve"))
    );
    assert_eq!(ada.restore(&path, &created.version()).await.ok().json()["userIds"], json!(["user_ada"]));
}
