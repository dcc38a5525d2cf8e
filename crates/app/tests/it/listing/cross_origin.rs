//! Requests of pages of other origins (CORS of the Fetch standard).

use reqwest::{Method, RequestBuilder};

use crate::support::services::with_shared_key;
use crate::support::users::SMB;
use crate::support::{Answer, LIST, Service, Setup, client};

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
fn listed(answer: &Answer, name: &str) -> Vec<String> {
    let names = answer.header(name).split(',').map(|name| name.trim().to_lowercase());
    let mut names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
    names.sort();
    names
}

#[track_caller]
fn assert_closed(answer: &Answer) {
    let headers: Vec<_> =
        answer.headers.keys().filter(|name| name.as_str().starts_with("access-control-")).collect();
    assert!(headers.is_empty(), "{headers:?} in {answer:?}");
}

/// Checks that a page of an origin may read the response.
#[track_caller]
fn assert_open(answer: &Answer, origin: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), origin, "{answer:?}");
    assert_eq!(answer.headers.get_all("access-control-allow-origin").iter().count(), 1);
    assert_eq!(
        listed(answer, "access-control-expose-headers"),
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
        "{answer:?}"
    );
    assert!(!answer.headers.contains_key("access-control-allow-credentials"), "{answer:?}");
    assert_varies(answer);
}

#[track_caller]
fn assert_varies(answer: &Answer) {
    assert!(listed(answer, "vary").contains(&"origin".to_owned()), "{answer:?}");
    assert_eq!(answer.headers.get_all("vary").iter().count(), 1, "{answer:?}");
}

#[tokio::test]
async fn allowed_origin_reads_responses() {
    let service = service();
    let ada = service.user("user_ada");
    for origin in ORIGINS {
        let created = Answer::of(ada.posting(SMB).header("origin", origin)).await;
        assert_eq!(created.status, 201, "{created:?}");
        assert_open(&created, origin);
        let list = Answer::of(ada.getting(LIST).header("origin", origin)).await.ok();
        assert_open(&list, origin);
        for name in ["authorization", "accept-encoding"] {
            assert!(listed(&list, "vary").contains(&name.to_owned()), "{list:?}");
        }
        let unchanged = ada.getting(LIST).header("origin", origin).header("if-none-match", list.etag());
        let unchanged = Answer::of(unchanged).await;
        assert_eq!((unchanged.status.as_u16(), unchanged.etag()), (304, list.etag()));
        assert_open(&unchanged, origin);
        let deleted = Answer::of(ada.deleting(&created.icp_path()).header("origin", origin)).await;
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
        (ada.getting(NOBODYS), 404),
        (ada.getting("/nothing"), 404),
        (ada.getting(&format!("{LIST}?limit=0")), 400),
        (ada.posting("{"), 400),
        (ada.posting(&" ".repeat(2_000_000)), 413),
        (ada.request(Method::PUT, LIST), 405),
    ] {
        let refused = Answer::of(request.header("origin", origin)).await;
        let code = refused.json()["code"].as_str().expect("it has a code").to_owned();
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
            let answer = Answer::of(preflight(&service, origin, method, headers)).await;
            assert!(answer.status.is_success(), "{answer:?}");
            assert_eq!(answer.body, "");
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            let methods = listed(&answer, "access-control-allow-methods");
            assert!(methods.contains(&method.to_lowercase()), "{answer:?}");
            let allowed = listed(&answer, "access-control-allow-headers");
            for header in headers.split(',') {
                assert!(allowed.contains(&header.to_owned()), "{header}: {answer:?}");
            }
            assert_varies(&answer);
            assert!(!answer.header("x-request-id").is_empty());
        }
        let answer = Answer::of(preflight(&service, origin, "GET", "")).await;
        assert!(answer.status.is_success(), "{answer:?}");
        let answer =
            Answer::of(preflight(&service, origin, "PATCH", "Authorization, Content-Type, If-Match")).await;
        assert!(answer.status.is_success(), "{answer:?}");
    }
}

#[tokio::test]
async fn preflight_allows_existing_methods_only() {
    let service = service();
    for (method, headers) in
        [("PUT", ""), ("TRACE", ""), ("PATCH", "x-own"), ("GET", "authorization, cookie")]
    {
        let answer = Answer::of(preflight(&service, ORIGINS[0], method, headers)).await;
        let is_method_allowed =
            listed(&answer, "access-control-allow-methods").contains(&method.to_lowercase());
        let allowed = listed(&answer, "access-control-allow-headers");
        let are_headers_allowed = headers.split(", ").all(|header| allowed.contains(&header.to_owned()));
        assert!(!answer.status.is_success() || !is_method_allowed || !are_headers_allowed, "{answer:?}");
        if !answer.status.is_success() {
            answer.assert_problem(400, "BAD_REQUEST");
        }
    }
}

#[tokio::test]
async fn other_origins_are_told_nothing() {
    let service = service();
    let ada = service.user("user_ada");
    let list = ada.list().await;
    for origin in OTHERS {
        let answer = Answer::of(ada.getting(LIST).header("origin", origin)).await.ok();
        assert_closed(&answer);
        assert_varies(&answer);
        assert_eq!(answer.body, list, "it is the browser that keeps it from the page");
        let refused =
            Answer::of(client().get(format!("{}{LIST}", service.address)).header("origin", origin)).await;
        refused.assert_problem(401, "UNAUTHORIZED");
        assert_closed(&refused);
        assert_closed(&Answer::of(preflight(&service, origin, "PATCH", "authorization")).await);
    }
    let no_origin = ada.get(LIST).await.ok();
    assert_closed(&no_origin);
    assert_varies(&no_origin);
}

#[tokio::test]
async fn plain_options_is_answered_as_usual() {
    let service = service();
    let asking = || client().request(Method::OPTIONS, format!("{}{LIST}", service.address));
    for (request, origin) in [(asking(), None), (asking().header("origin", ORIGINS[0]), Some(ORIGINS[0]))] {
        let answer = Answer::of(request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (204, "GET, HEAD, POST, OPTIONS"),
            "{answer:?}"
        );
        if let Some(origin) = origin {
            assert_open(&answer, origin);
        }
    }
}

#[tokio::test]
async fn by_default_no_origin_is_allowed_anything() {
    let service = with_shared_key(Setup::new()).start();
    let ada = service.user("user_ada");
    for origin in ORIGINS.iter().chain(&OTHERS) {
        let answer = Answer::of(ada.getting(LIST).header("origin", *origin)).await.ok();
        assert_closed(&answer);
        assert_eq!(answer.header("vary"), "Authorization, Accept-Encoding");
        let answer = Answer::of(preflight(&service, origin, "PATCH", "authorization")).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""), "OPTIONS without CORS headers");
        assert_closed(&answer);
    }
}
