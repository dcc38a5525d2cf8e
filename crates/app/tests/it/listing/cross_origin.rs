//! Requests from pages of other origins (CORS of the Fetch standard).

use reqwest::{Method, RequestBuilder};

use crate::support::services::with_shared_key;
use crate::support::users::MINIMAL_BODY;
use crate::support::{LIST, Response, Service, Setup, client};

const ALLOWED_ORIGINS: [&str; 2] = ["https://app.example.com", "http://localhost:3000"];
const OTHER_ORIGINS: [&str; 8] = [
    "https://evil.example.com",
    "https://app.example.com.evil.example",
    "https://app.example.com:8443",
    "http://app.example.com",
    "http://localhost:3001",
    "http://localhost",
    "null",
    "nonsense",
];
/// The path of an ICP that does not exist.
const ABSENT_ICP: &str = "/api/v1/entities/icps/550e8400-e29b-41d4-a716-000000000000";

fn start_service() -> Service {
    let setup = with_shared_key(Setup::new());
    setup.with("ICP__SERVER__CORS_ORIGINS", "https://app.example.com,http://localhost:3000").start()
}

fn preflight(service: &Service, origin: &str, method: &str, headers: &str) -> RequestBuilder {
    let request = client().request(Method::OPTIONS, format!("{}{ABSENT_ICP}", service.address));
    let request = request.header("origin", origin).header("access-control-request-method", method);
    if headers.is_empty() { request } else { request.header("access-control-request-headers", headers) }
}

/// Returns the elements of a header, in lower case and sorted.
fn header_elements(response: &Response, name: &str) -> Vec<String> {
    let names = response.header(name).split(',').map(|name| name.trim().to_lowercase());
    let mut names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
    names.sort();
    names
}

/// Checks that the response has no CORS headers.
#[track_caller]
fn assert_no_cors(response: &Response) {
    let headers: Vec<_> =
        response.headers.keys().filter(|name| name.as_str().starts_with("access-control-")).collect();
    assert!(headers.is_empty(), "{headers:?} in {response:?}");
}

/// Checks that a page of `origin` may read the response.
#[track_caller]
fn assert_readable(response: &Response, origin: &str) {
    assert_eq!(response.header("access-control-allow-origin"), origin, "{response:?}");
    assert_eq!(response.headers.get_all("access-control-allow-origin").iter().count(), 1);
    assert_eq!(
        header_elements(response, "access-control-expose-headers"),
        [
            "etag",
            "idempotency-replayed",
            "link",
            "location",
            "mcp-session-id",
            "preference-applied",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "www-authenticate",
            "x-request-id"
        ],
        "{response:?}"
    );
    assert!(!response.headers.contains_key("access-control-allow-credentials"), "{response:?}");
    assert_varies_by_origin(response);
}

/// Checks that `Vary` contains `Origin`.
#[track_caller]
fn assert_varies_by_origin(response: &Response) {
    assert!(header_elements(response, "vary").contains(&"origin".to_owned()), "{response:?}");
    assert_eq!(response.headers.get_all("vary").iter().count(), 1, "{response:?}");
}

#[tokio::test]
async fn allowed_origin_can_read_responses() {
    let service = start_service();
    let ada = service.user("user_ada");
    for origin in ALLOWED_ORIGINS {
        let created = Response::fetch(ada.post_request(MINIMAL_BODY).header("origin", origin)).await;
        assert_eq!(created.status, 201, "{created:?}");
        assert_readable(&created, origin);
        let list = Response::fetch(ada.get_request(LIST).header("origin", origin)).await.assert_ok();
        assert_readable(&list, origin);
        for name in ["authorization", "accept-encoding"] {
            assert!(header_elements(&list, "vary").contains(&name.to_owned()), "{list:?}");
        }
        let unchanged = ada.get_request(LIST).header("origin", origin).header("if-none-match", list.etag());
        let unchanged = Response::fetch(unchanged).await;
        assert_eq!((unchanged.status.as_u16(), unchanged.etag()), (304, list.etag()));
        assert_readable(&unchanged, origin);
        let deleted = Response::fetch(ada.delete_request(&created.icp_path()).header("origin", origin)).await;
        assert_eq!(deleted.status, 204);
        assert_readable(&deleted, origin);
    }
}

#[tokio::test]
async fn allowed_origin_can_read_errors() {
    let service = start_service();
    let ada = service.user("user_ada");
    let signed_out = || client().get(format!("{}{LIST}", service.address));
    let origin = ALLOWED_ORIGINS[0];
    for (request, status) in [
        (signed_out(), 401),
        (signed_out().bearer_auth("no token"), 401),
        (ada.get_request(ABSENT_ICP), 404),
        (ada.get_request("/nothing"), 404),
        (ada.get_request(&format!("{LIST}?limit=0")), 400),
        (ada.post_request("{"), 400),
        (ada.post_request(&" ".repeat(2_000_000)), 413),
        (ada.request(Method::PUT, LIST), 405),
    ] {
        let rejected = Response::fetch(request.header("origin", origin)).await;
        let code = rejected.json()["code"].as_str().expect("the error must have a code").to_owned();
        rejected.assert_problem(status, &code);
        assert_readable(&rejected, origin);
    }
}

#[tokio::test]
async fn preflight_lists_allowed_methods_and_headers() {
    let service = start_service();
    for origin in ALLOWED_ORIGINS {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
            let headers = "authorization,content-type,idempotency-key,if-match,if-none-match,x-request-id,\
                           traceparent,tracestate,baggage,mcp-protocol-version,mcp-session-id,last-event-id";
            let response = Response::fetch(preflight(&service, origin, method, headers)).await;
            assert!(response.status.is_success(), "{response:?}");
            assert_eq!(response.body, "");
            assert_eq!(response.header("access-control-allow-origin"), origin);
            let methods = header_elements(&response, "access-control-allow-methods");
            assert!(methods.contains(&method.to_lowercase()), "{response:?}");
            let allowed = header_elements(&response, "access-control-allow-headers");
            for header in headers.split(',') {
                assert!(allowed.contains(&header.to_owned()), "{header}: {response:?}");
            }
            assert_varies_by_origin(&response);
            assert!(!response.header("x-request-id").is_empty());
        }
        let response = Response::fetch(preflight(&service, origin, "GET", "")).await;
        assert!(response.status.is_success(), "{response:?}");
        let response =
            Response::fetch(preflight(&service, origin, "PATCH", "Authorization, Content-Type, If-Match"))
                .await;
        assert!(response.status.is_success(), "{response:?}");
    }
}

#[tokio::test]
async fn preflight_refuses_other_methods_and_headers() {
    let service = start_service();
    for (method, headers) in [("TRACE", ""), ("PATCH", "x-own"), ("GET", "authorization, cookie")] {
        let response = Response::fetch(preflight(&service, ALLOWED_ORIGINS[0], method, headers)).await;
        response.assert_problem(400, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn other_origins_get_no_cors_headers() {
    let service = start_service();
    let ada = service.user("user_ada");
    let list = ada.list().await;
    for origin in OTHER_ORIGINS {
        let response = Response::fetch(ada.get_request(LIST).header("origin", origin)).await.assert_ok();
        assert_no_cors(&response);
        assert_varies_by_origin(&response);
        assert_eq!(response.body, list, "the browser, not the service, hides the response from the page");
        let rejected =
            Response::fetch(client().get(format!("{}{LIST}", service.address)).header("origin", origin))
                .await;
        rejected.assert_problem(401, "UNAUTHORIZED");
        assert_no_cors(&rejected);
        assert_no_cors(&Response::fetch(preflight(&service, origin, "PATCH", "authorization")).await);
    }
    let no_origin = ada.get(LIST).await.assert_ok();
    assert_no_cors(&no_origin);
    assert_varies_by_origin(&no_origin);
}

#[tokio::test]
async fn options_without_requested_method_is_no_preflight() {
    let service = start_service();
    let options_request = || client().request(Method::OPTIONS, format!("{}{LIST}", service.address));
    for (request, origin) in [
        (options_request(), None),
        (options_request().header("origin", ALLOWED_ORIGINS[0]), Some(ALLOWED_ORIGINS[0])),
    ] {
        let response = Response::fetch(request).await;
        assert_eq!(
            (response.status.as_u16(), response.header("allow")),
            (204, "GET, HEAD, POST, OPTIONS"),
            "{response:?}"
        );
        if let Some(origin) = origin {
            assert_readable(&response, origin);
        }
    }
}

#[tokio::test]
async fn no_origin_is_allowed_by_default() {
    let service = with_shared_key(Setup::new()).start();
    let ada = service.user("user_ada");
    for origin in ALLOWED_ORIGINS.iter().chain(&OTHER_ORIGINS) {
        let response = Response::fetch(ada.get_request(LIST).header("origin", *origin)).await.assert_ok();
        assert_no_cors(&response);
        assert_eq!(response.header("vary"), "Authorization, Accept-Encoding");
        let response = Response::fetch(preflight(&service, origin, "PATCH", "authorization")).await;
        assert_eq!(
            (response.status.as_u16(), response.body.as_str()),
            (204, ""),
            "the response must be a normal response to OPTIONS"
        );
        assert_no_cors(&response);
    }
}
