//! The command `icp forget-user`.

use serde_json::json;

use super::property_of_each;
use crate::support::services::on_both_databases;
use crate::support::users::MINIMAL_BODY;
use crate::support::{Service, stderr};

on_both_databases!(forgotten_user_is_in_no_icp_or_history);
async fn forgotten_user_is_in_no_icp_or_history(service: &Service) {
    let [ada, eve] = ["user_ada", "user_eve"].map(|id| service.user(id));
    let body = json!({"name": "SMB", "leadProviderCriteria": [], "userIds": ["user_ada", "user_eve"]});
    let created = eve.create(&body).await;
    let path = created.icp_path();
    eve.patch(&path, json!({"name": "by Eve"})).await.assert_ok();
    let deleted_path = eve.create(&body).await.icp_path();
    eve.delete(&deleted_path).await;
    let unshared_path = eve.create(MINIMAL_BODY).await.icp_path();
    // The command can be repeated.
    for _ in 0..2 {
        let forgotten = service.setup.icp(&["forget-user", "user_eve"]);
        assert!(forgotten.status.success(), "{}", stderr(&forgotten));
        assert!(stderr(&forgotten).contains("from all histories"), "{}", stderr(&forgotten));
    }
    assert_eq!(eve.list().await, "[]");
    assert!(eve.deleted().await.is_empty());
    eve.get(&path).await.assert_problem(403, "FORBIDDEN");
    let root = service.admin("user_root");
    for path in [&path, &deleted_path, &unshared_path] {
        let revisions = root.revisions(path).await;
        assert!(!property_of_each(&revisions, "by").contains(&json!("user_eve")), "{revisions:?}");
        for revision in revisions {
            let revision = root
                .revision(path, revision["revision"].as_str().expect("the revision must be a string"))
                .await
                .assert_ok();
            assert!(!revision.body.contains("user_eve"), "{}", revision.body);
        }
    }
    let changed = ada.get(&path).await.assert_ok();
    assert_eq!(
        (&changed.json()["userIds"], &changed.json()["name"]),
        (&json!(["user_ada"]), &json!("by Eve"))
    );
    assert_eq!(
        ada.restore(&path, &created.version()).await.assert_ok().json()["userIds"],
        json!(["user_ada"])
    );
}
