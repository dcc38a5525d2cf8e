//! Tests `?dryRun=true`, which returns the ICP that the request would store.

use serde_json::json;

use crate::support::services::on_both_databases;
use crate::support::users::MINIMAL_BODY;
use crate::support::{LIST, Response, Service};

const DRY_RUN: &str = "dryRun=true";

on_both_databases!(dry_run_of_create_stores_nothing);
async fn dry_run_of_create_stores_nothing(service: &Service) {
    let ada = service.user("user_ada");
    let post = async |query: &str, body: &str| {
        let request = ada.request(reqwest::Method::POST, &format!("{LIST}?{query}"));
        Response::fetch(request.header("content-type", "application/json").body(body.to_owned())).await
    };
    let preview = post(DRY_RUN, MINIMAL_BODY).await.assert_ok();
    assert_eq!(preview.json()["userIds"], json!(["user_ada"]), "{preview:?}");
    assert_eq!(preview.json()["leadsPerList"], 10, "{preview:?}");
    for header in ["location", "etag"] {
        assert!(!preview.headers.contains_key(header), "{preview:?}");
    }
    assert_eq!(preview.header("cache-control"), "private, no-cache");
    assert_eq!(ada.list().await, "[]");
    assert_eq!(post(DRY_RUN, "{}").await.violations(), ["/leadProviderCriteria required", "/name required"]);
    let request =
        ada.request(reqwest::Method::POST, &format!("{LIST}?{DRY_RUN}")).header("if-match", "\"7\"");
    let conditional =
        Response::fetch(request.header("content-type", "application/json").body(MINIMAL_BODY)).await;
    conditional.assert_problem(412, "PRECONDITION_FAILED");
    post("dryRun=yes", MINIMAL_BODY).await.assert_invalid_parameter("dryRun");
    assert_eq!(post("dryRun=false", MINIMAL_BODY).await.status, 201);
    assert_ne!(ada.list().await, "[]");
}

on_both_databases!(dry_run_of_update_stores_nothing);
async fn dry_run_of_update_stores_nothing(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let path = format!("{}?{DRY_RUN}", created.icp_path());
    let preview = ada.patch(&path, r#"{"name":"after"}"#).await.assert_ok();
    assert_eq!(preview.json()["name"], "after");
    assert_ne!(preview.json()["updatedAt"], created.json()["updatedAt"]);
    assert!(!preview.headers.contains_key("etag"), "{preview:?}");
    assert_eq!(ada.patch(&path, "{}").await.assert_ok().body, created.body);
    let conditional = ada.patch_request(&path, r#"{"name":"after"}"#).header("if-match", "\"7\"");
    Response::fetch(conditional).await.assert_problem(412, "PRECONDITION_FAILED");
    assert_eq!(ada.patch(&path, r#"{"name":7}"#).await.violations(), ["/name invalid_type"]);
    service.user("user_eve").patch(&path, "{}").await.assert_problem(403, "FORBIDDEN");
    assert_eq!(ada.get(&created.icp_path()).await.body, created.body);
    assert_eq!(ada.get(&created.icp_path()).await.etag(), created.etag());
}
