//! Who comes and goes when `userIds` changes, and what each of them sees then.

use serde_json::json;

use crate::support::Service;
use crate::support::services::on_both;
use crate::support::users::SMB;

on_both!(joining_and_leaving_change_lists_at_once);
async fn joining_and_leaving_change_lists_at_once(service: &Service) {
    let [ada, bob, cy] = ["user_ada", "user_bob", "user_cy"].map(|id| service.user(id));
    let path = ada.create(SMB).await.icp_path();
    for (users, names) in [
        (json!(["user_ada", "user_bob"]), [true, true, false]),
        (json!(["user_cy", "user_ada"]), [true, false, true]),
        (json!(["user_bob", "user_cy", "user_ada"]), [true, true, true]),
        (json!(["user_ada"]), [true, false, false]),
    ] {
        let patched = ada.patch(&path, json!({"userIds": users})).await.ok();
        assert_eq!(patched.json()["userIds"], users, "in the order that was sent");
        for (user, is_named) in [&ada, &bob, &cy].into_iter().zip(names) {
            let (list, status) =
                if is_named { (format!("[{}]", patched.body), 200) } else { ("[]".to_owned(), 403) };
            assert_eq!(user.list().await, list, "{users}");
            assert_eq!(user.get(&path).await.status, status, "{users}");
        }
    }
}

on_both!(every_user_can_change_and_share);
async fn every_user_can_change_and_share(service: &Service) {
    let [ada, bob, cy] = ["user_ada", "user_bob", "user_cy"].map(|id| service.user(id));
    let path = ada.create(SMB).await.icp_path();
    bob.patch(&path, json!({"userIds": ["user_bob"]})).await.assert_problem(403, "FORBIDDEN");
    ada.patch(&path, json!({"userIds": ["user_bob"]})).await.ok();
    ada.patch(&path, json!({"userIds": ["user_ada"]})).await.assert_problem(403, "FORBIDDEN");
    bob.patch(&path, json!({"name": "Bob's", "userIds": ["user_cy"]})).await.ok();
    assert_eq!(cy.listed().await, ["Bob's"]);
}

on_both!(last_user_cannot_leave);
async fn last_user_cannot_leave(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    let body = json!({"name": "SMB", "leadProviderCriteria": [], "userIds": ["user_bob"]});
    let path = ada.create(body).await.icp_path();
    let left = ada.patch(&path, json!({"userIds": ["user_bob"]})).await.ok();
    assert_eq!(left.json()["userIds"], json!(["user_bob"]), "the last that they see of it");
    ada.get(&path).await.assert_problem(403, "FORBIDDEN");
    ada.patch(&path, "{}").await.assert_problem(403, "FORBIDDEN");
    assert_eq!(ada.list().await, "[]");
    let refused = bob.patch(&path, json!({"userIds": []})).await;
    assert_eq!(refused.faults(), ["/userIds invalid_value"]);
    assert_eq!(bob.list().await, format!("[{}]", left.body));
}

on_both!(icp_without_users_is_for_admins_only);
async fn icp_without_users_is_for_admins_only(service: &Service) {
    let ada = service.user("user_ada");
    let admin = service.admin("user_root");
    let path = ada.create(SMB).await.icp_path();
    let emptied = admin.patch(&path, json!({"userIds": []})).await.ok();
    assert_eq!(emptied.json()["userIds"], json!([]));
    ada.get(&path).await.assert_problem(403, "FORBIDDEN");
    for user in [&ada, &admin] {
        assert_eq!(user.list().await, "[]");
    }
    assert_eq!(admin.get(&path).await.ok().body, emptied.body);
    assert_eq!(admin.patch(&path, json!({"name": "kept"})).await.ok().json()["userIds"], json!([]));
    admin.patch(&path, json!({"userIds": ["user_ada"]})).await.ok();
    assert_eq!(ada.listed().await, ["kept"]);
}

on_both!(admin_who_changes_icp_does_not_join);
async fn admin_who_changes_icp_does_not_join(service: &Service) {
    let ada = service.user("user_ada");
    let admin = service.admin("user_root");
    let path = ada.create(SMB).await.icp_path();
    let patched = admin.patch(&path, json!({"name": "checked"})).await.ok();
    assert_eq!(patched.json()["userIds"], json!(["user_ada"]));
    assert_eq!(ada.list().await, format!("[{}]", patched.body));
    assert_eq!(admin.list().await, "[]");
}
