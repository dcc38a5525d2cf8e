//! Tests `DELETE /api/v1/entities/icps/{id}`.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::Service;
use crate::support::services::on_both_databases;
use crate::support::users::MINIMAL_BODY;

on_both_databases!(deleted_icp_is_gone_for_all_users);
async fn deleted_icp_is_gone_for_all_users(service: &Service) {
    let [ada, bob] = ["user_ada", "user_bob"].map(|id| service.user(id));
    let admin = service.admin("user_root");
    let body = json!({"name": "to delete", "leadProviderCriteria": [], "userIds": ["user_bob"]});
    let deleted_path = ada.create(body).await.icp_path();
    ada.create(MINIMAL_BODY).await;
    assert_eq!(ada.list_names().await.len(), 2);

    let deleted = bob.delete(&deleted_path).await;
    assert_eq!((deleted.status.as_u16(), deleted.body.as_str()), (204, ""), "{deleted:?}");
    assert_eq!((deleted.header("content-type"), deleted.header("content-length")), ("", ""));
    assert!(!deleted.header("x-request-id").is_empty());
    for user in [&ada, &bob, &admin] {
        user.get(&deleted_path).await.assert_problem(404, "NOT_FOUND");
        user.patch(&deleted_path, "{}").await.assert_problem(404, "NOT_FOUND");
        user.delete(&deleted_path).await.assert_problem(404, "NOT_FOUND");
    }
    assert_eq!(ada.list_names().await, ["SMB"], "the other ICP must remain");
    assert_eq!(bob.list().await, "[]");
}

on_both_databases!(only_users_and_admins_can_delete);
async fn only_users_and_admins_can_delete(service: &Service) {
    let [ada, eve] = ["user_ada", "user_eve"].map(|id| service.user(id));
    let admin = service.admin("user_root");
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    eve.delete(&path).await.assert_problem(403, "FORBIDDEN");
    assert_eq!(ada.list_names().await, ["SMB"]);
    assert_eq!(admin.delete(&path).await.status, 204);
    assert_eq!(ada.list().await, "[]");
}

on_both_databases!(one_of_sixteen_concurrent_deletes_succeeds);
async fn one_of_sixteen_concurrent_deletes_succeeds(service: &Service) {
    let ada = service.user("user_ada");
    let path = ada.create(MINIMAL_BODY).await.icp_path();
    let responses = join_all((0..16).map(|_| ada.delete(&path))).await;
    let (succeeded, failed): (Vec<_>, Vec<_>) = responses.iter().partition(|response| response.status == 204);
    assert_eq!(succeeded.len(), 1, "{responses:?}");
    for response in failed {
        response.assert_problem(404, "NOT_FOUND");
    }
}
