//! Requests of pages of other origins (CORS of the Fetch standard).

use reqwest::{Method, RequestBuilder};

use crate::support::services::with_shared_key;
use crate::support::users::SMB;
use crate::support::{LIST, Response, Service, Setup, client};

const ORIGINS: [&str; 2] = ["https://app.example.com", "http://localhost:3000"];
const OTHERS: [&str; 8] = [
    "https://evil.example.com",
    "https://app.example.com.evil.example",
    "https://app.example.com:8443",
    "http://app.example.com",
    "http://localhost:3001",
    "http://localhost",
    "null",
    "nonsense",
];
const NOBODYS: &str = "/api/v1/entities/icps/550e8400-e29b-41d4-a716-000000000000";

fn service() -> Service {
    let setup = with_shared_key(Setup::new());
    setup.with("ICP__SERVER__CORS_ORIGINS", "https://app.example.com,http://localhost:3000").start()
}

fn preflight(service: &Service, origin: &str, method: &str, headers: &str) -> RequestBuilder {
    let request = client().request(Method::OPTIONS, format!("{}{NOBODYS}", service.address));
    let request = request.header("origin", origin).header("access-control-request-method", method);
    if headers.is_empty() { request } else { request.header("access-control-request-headers", headers) }
}

/// Returns the elements of a header, in lower case and sorted.
fn listed(response: &Response, name: &str) -> Vec<String> {
    let names = response.header(name).split(',').map(|name| name.trim().to_lowercase());
    let mut names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
    names.sort();
    names
}

#[track_caller]
fn assert_closed(response: &Response) {
    let headers: Vec<_> =
        response.headers.keys().filter(|name| name.as_str().starts_with("access-control-")).collect();
    assert!(headers.is_empty(), "{headers:?} in {response:?}");
}

/// Checks that a page of an origin may read the response.
#[track_caller]
fn assert_open(response: &Response, origin: &str) {
    assert_eq!(response.header("access-control-allow-origin"), origin, "{response:?}");
    assert_eq!(response.headers.get_all("access-control-allow-origin").iter().count(), 1);
    assert_eq!(
        listed(response, "access-control-expose-headers"),
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
    assert_varies(response);
}

#[track_caller]
fn assert_varies(response: &Response) {
    assert!(listed(response, "vary").contains(&"origin".to_owned()), "{response:?}");
    assert_eq!(response.headers.get_all("vary").iter().count(), 1, "{response:?}");
}

#[tokio::test]
async fn allowed_origin_reads_responses() {
    let service = service();
    let ada = service.user("user_ada");
    for origin in ORIGINS {
        let created = Response::of(ada.post_request(SMB).header("origin", origin)).await;
        assert_eq!(created.status, 201, "{created:?}");
        assert_open(&created, origin);
        let list = Response::of(ada.get_request(LIST).header("origin", origin)).await.ok();
        assert_open(&list, origin);
        for name in ["authorization", "accept-encoding"] {
            assert!(listed(&list, "vary").contains(&name.to_owned()), "{list:?}");
        }
        let unchanged = ada.get_request(LIST).header("origin", origin).header("if-none-match", list.etag());
        let unchanged = Response::of(unchanged).await;
        assert_eq!((unchanged.status.as_u16(), unchanged.etag()), (304, list.etag()));
        assert_open(&unchanged, origin);
        let deleted = Response::of(ada.delete_request(&created.icp_path()).header("origin", origin)).await;
        assert_eq!(deleted.status, 204);
        assert_open(&deleted, origin);
    }
}

#[tokio::test]
async fn allowed_origin_reads_errors() {
    let service = service();
    let ada = service.user("user_ada");
    let signed_out = || client().get(format!("{}{LIST}", service.address));
    let origin = ORIGINS[0];
    for (request, status) in [
        (signed_out(), 401),
        (signed_out().bearer_auth("no token"), 401),
        (ada.get_request(NOBODYS), 404),
        (ada.get_request("/nothing"), 404),
        (ada.get_request(&format!("{LIST}?limit=0")), 400),
        (ada.post_request("{"), 400),
        (ada.post_request(&" ".repeat(2_000_000)), 413),
        (ada.request(Method::PUT, LIST), 405),
    ] {
        let refused = Response::of(request.header("origin", origin)).await;
        let code = refused.json()["code"].as_str().expect("must have a code").to_owned();
        refused.assert_problem(status, &code);
        assert_open(&refused, origin);
    }
}

#[tokio::test]
async fn preflight_lists_allowed_methods_and_headers() {
    let service = service();
    for origin in ORIGINS {
        for method in ["GET", "HEAD", "POST", "PATCH", "DELETE"] {
            let headers = "authorization,content-type,idempotency-key,if-match,if-none-match,x-request-id,\
                           traceparent,tracestate,baggage,mcp-protocol-version,mcp-session-id,last-event-id";
            let response = Response::of(preflight(&service, origin, method, headers)).await;
            assert!(response.status.is_success(), "{response:?}");
            assert_eq!(response.body, "");
            assert_eq!(response.header("access-control-allow-origin"), origin);
            let methods = listed(&response, "access-control-allow-methods");
            assert!(methods.contains(&method.to_lowercase()), "{response:?}");
            let allowed = listed(&response, "access-control-allow-headers");
            for header in headers.split(',') {
                assert!(allowed.contains(&header.to_owned()), "{header}: {response:?}");
            }
            assert_varies(&response);
            assert!(!response.header("x-request-id").is_empty());
        }
        let response = Response::of(preflight(&service, origin, "GET", "")).await;
        assert!(response.status.is_success(), "{response:?}");
        let response =
            Response::of(preflight(&service, origin, "PATCH", "Authorization, Content-Type, If-Match")).await;
        assert!(response.status.is_success(), "{response:?}");
    }
}

#[tokio::test]
async fn preflight_allows_existing_methods_only() {
    let service = service();
    for (method, headers) in
        [("PUT", ""), ("TRACE", ""), ("PATCH", "x-own"), ("GET", "authorization, cookie")]
    {
        let response = Response::of(preflight(&service, ORIGINS[0], method, headers)).await;
        let is_method_allowed =
            listed(&response, "access-control-allow-methods").contains(&method.to_lowercase());
        let allowed = listed(&response, "access-control-allow-headers");
        let are_headers_allowed = headers.split(", ").all(|header| allowed.contains(&header.to_owned()));
        assert!(!response.status.is_success() || !is_method_allowed || !are_headers_allowed, "{response:?}");
        if !response.status.is_success() {
            response.assert_problem(400, "BAD_REQUEST");
        }
    }
}

#[tokio::test]
async fn other_origins_get_no_cors_headers() {
    let service = service();
    let ada = service.user("user_ada");
    let list = ada.list().await;
    for origin in OTHERS {
        let response = Response::of(ada.get_request(LIST).header("origin", origin)).await.ok();
        assert_closed(&response);
        assert_varies(&response);
        assert_eq!(response.body, list, "it is the browser that keeps it from the page");
        let refused =
            Response::of(client().get(format!("{}{LIST}", service.address)).header("origin", origin)).await;
        refused.assert_problem(401, "UNAUTHORIZED");
        assert_closed(&refused);
        assert_closed(&Response::of(preflight(&service, origin, "PATCH", "authorization")).await);
    }
    let no_origin = ada.get(LIST).await.ok();
    assert_closed(&no_origin);
    assert_varies(&no_origin);
}

#[tokio::test]
async fn options_without_origin_is_no_preflight() {
    let service = service();
    let asking = || client().request(Method::OPTIONS, format!("{}{LIST}", service.address));
    for (request, origin) in [(asking(), None), (asking().header("origin", ORIGINS[0]), Some(ORIGINS[0]))] {
        let response = Response::of(request).await;
        assert_eq!(
            (response.status.as_u16(), response.header("allow")),
            (204, "GET, HEAD, POST, OPTIONS"),
            "{response:?}"
        );
        if let Some(origin) = origin {
            assert_open(&response, origin);
        }
    }
}

#[tokio::test]
async fn no_origin_is_allowed_by_default() {
    let service = with_shared_key(Setup::new()).start();
    let ada = service.user("user_ada");
    for origin in ORIGINS.iter().chain(&OTHERS) {
        let response = Response::of(ada.get_request(LIST).header("origin", *origin)).await.ok();
        assert_closed(&response);
        assert_eq!(response.header("vary"), "Authorization, Accept-Encoding");
        let response = Response::of(preflight(&service, origin, "PATCH", "authorization")).await;
        assert_eq!(
            (response.status.as_u16(), response.body.as_str()),
            (204, ""),
            "OPTIONS without CORS headers"
        );
        assert_closed(&response);
    }
}
