//! Unsupported methods and the method `OPTIONS`.

use reqwest::{Method, RequestBuilder};

use crate::support::services::on_both_databases;
use crate::support::users::MINIMAL_BODY;
use crate::support::{LIST, Response, Service, client};

const LIST_METHODS: &str = "GET, HEAD, POST, OPTIONS";
const ICP_METHODS: &str = "GET, HEAD, PATCH, DELETE, OPTIONS";
const HEALTH_METHODS: &str = "GET, HEAD, OPTIONS";

fn method(name: &str) -> Method {
    Method::from_bytes(name.as_bytes()).expect("the method must be valid")
}

on_both_databases!(unsupported_method_gets_405_with_allow);
async fn unsupported_method_gets_405_with_allow(service: &Service) {
    let ada = service.user("user_ada");
    let created = ada.create(MINIMAL_BODY).await;
    let item = created.icp_path();
    let unsupported_by_list = ["PUT", "PATCH", "DELETE", "TRACE", "BREW", "QUERY", "get"];
    let unsupported_by_icp = ["PUT", "POST", "TRACE", "BREW", "patch"];
    let (slash, no_uuid) = (format!("{LIST}/"), format!("{LIST}/no-uuid"));
    for (path, allow, methods) in [
        (LIST, LIST_METHODS, unsupported_by_list.as_slice()),
        (&slash, LIST_METHODS, &unsupported_by_list),
        (&item, ICP_METHODS, &unsupported_by_icp),
        (&no_uuid, ICP_METHODS, &unsupported_by_icp),
        ("/health/live", HEALTH_METHODS, &["POST", "PUT", "DELETE"]),
        ("/health/ready", HEALTH_METHODS, &["POST", "PATCH", "BREW"]),
    ] {
        for name in methods {
            let rejected = Response::fetch(ada.request(method(name), path)).await;
            rejected.assert_problem(405, "METHOD_NOT_ALLOWED");
            assert_eq!(rejected.header("allow"), allow, "{name} {path}");
            let signed_out = client().request(method(name), format!("{}{path}", service.address));
            Response::fetch(signed_out).await.assert_problem(405, "METHOD_NOT_ALLOWED");
        }
    }
    assert_eq!(ada.list().await, format!("[{}]", created.body), "the refused requests must change nothing");
}

on_both_databases!(options_needs_no_token);
async fn options_needs_no_token(service: &Service) {
    let item = service.user("user_ada").create(MINIMAL_BODY).await.icp_path();
    let (slash, no_uuid) = (format!("{LIST}/"), format!("{LIST}/no-uuid"));
    for (path, allow) in [
        (LIST, LIST_METHODS),
        (&slash, LIST_METHODS),
        (&item, ICP_METHODS),
        (&no_uuid, ICP_METHODS),
        ("/health/live", HEALTH_METHODS),
        ("/health/ready", HEALTH_METHODS),
    ] {
        for token in [None, Some("no token")] {
            let request = client().request(Method::OPTIONS, format!("{}{path}", service.address));
            let request = token.into_iter().fold(request, RequestBuilder::bearer_auth);
            let response = Response::fetch(request.header("accept-encoding", "gzip")).await;
            assert_eq!((response.status.as_u16(), response.body.as_str()), (204, ""), "{path}: {response:?}");
            assert_eq!(response.header("allow"), allow, "{path}");
            assert!(!response.header("x-request-id").is_empty());
        }
    }
    let unknown_path = client().request(Method::OPTIONS, format!("{}/api/v1/nothing", service.address));
    Response::fetch(unknown_path).await.assert_problem(404, "NOT_FOUND");
}
