//! Unsupported methods, and `OPTIONS`.

use reqwest::{Method, RequestBuilder};

use crate::support::services::on_both;
use crate::support::users::SMB;
use crate::support::{LIST, Response, Service, client};

const COLLECTION: &str = "GET, HEAD, POST, OPTIONS";
const ITEM: &str = "GET, HEAD, PATCH, DELETE, OPTIONS";
const PROBE: &str = "GET, HEAD, OPTIONS";

fn method(name: &str) -> Method {
    Method::from_bytes(name.as_bytes()).expect("a method")
}

on_both!(unsupported_method_is_405_with_allow);
async fn unsupported_method_is_405_with_allow(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(SMB).await;
    let item = created.icp_path();
    let collection = ["PUT", "PATCH", "DELETE", "TRACE", "BREW", "QUERY", "get"];
    let on_item = ["PUT", "POST", "TRACE", "BREW", "patch"];
    let (slash, no_uuid) = (format!("{LIST}/"), format!("{LIST}/no-uuid"));
    for (path, allow, methods) in [
        (LIST, COLLECTION, collection.as_slice()),
        (&slash, COLLECTION, &collection),
        (&item, ITEM, &on_item),
        (&no_uuid, ITEM, &on_item),
        ("/health/live", PROBE, &["POST", "PUT", "DELETE"]),
        ("/health/ready", PROBE, &["POST", "PATCH", "BREW"]),
    ] {
        for name in methods {
            let refused = Response::of(ada.request(method(name), path)).await;
            refused.assert_problem(405, "METHOD_NOT_ALLOWED");
            assert_eq!(refused.header("allow"), allow, "{name} {path}");
            let signed_out = client().request(method(name), format!("{}{path}", service.address));
            Response::of(signed_out).await.assert_problem(405, "METHOD_NOT_ALLOWED");
        }
    }
    assert_eq!(ada.list().await, format!("[{}]", created.body), "nothing was done");
}

on_both!(options_lists_methods_without_sign_in);
async fn options_lists_methods_without_sign_in(service: &Service) {
    let item = service.user("user_ada").create(SMB).await.icp_path();
    let (slash, no_uuid) = (format!("{LIST}/"), format!("{LIST}/no-uuid"));
    for (path, allow) in [
        (LIST, COLLECTION),
        (&slash, COLLECTION),
        (&item, ITEM),
        (&no_uuid, ITEM),
        ("/health/live", PROBE),
        ("/health/ready", PROBE),
    ] {
        for token in [None, Some("no token")] {
            let request = client().request(Method::OPTIONS, format!("{}{path}", service.address));
            let request = token.into_iter().fold(request, RequestBuilder::bearer_auth);
            let response = Response::of(request.header("accept-encoding", "gzip")).await;
            assert_eq!((response.status.as_u16(), response.body.as_str()), (204, ""), "{path}: {response:?}");
            assert_eq!(response.header("allow"), allow, "{path}");
            assert!(!response.header("x-request-id").is_empty());
        }
    }
    let nowhere = client().request(Method::OPTIONS, format!("{}/api/v1/nothing", service.address));
    Response::of(nowhere).await.assert_problem(404, "NOT_FOUND");
}
