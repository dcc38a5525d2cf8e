use reqwest::Method;
use reqwest::redirect::Policy;

use super::{PAGES, fetch_page, request};
use crate::support::{LIST, Response, Setup};

#[tokio::test]
async fn pages_have_strict_security_headers() {
    let service = Setup::new().start();
    for path in PAGES {
        let page = fetch_page(&service, path).await;
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), value, "{name} of {path}");
        }
        assert!(page.header("permissions-policy").contains("camera=()"), "{page:?}");
        let policy = page.header("content-security-policy");
        for directive in
            ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"]
        {
            assert!(policy.split("; ").any(|actual| actual == directive), "{directive} of {path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
        for inline in ["<style", " style=", "<script>", " onclick=", " onload=", "javascript:"] {
            assert!(!page.body.contains(inline), "{inline} in {path}");
        }
    }
    let start = fetch_page(&service, "/").await;
    assert!(
        !start.header("content-security-policy").contains("script-src"),
        "the start page must have no scripts"
    );
    assert!(!start.body.contains("<script"), "{start:?}");
}

#[tokio::test]
async fn pages_allow_only_get_head_and_options() {
    let service = Setup::new().start();
    let icon = super::find_addresses(&fetch_page(&service, "/").await)[0].to_owned();
    for path in [PAGES[0], PAGES[1], "/docs/", &format!("/{icon}")] {
        let response = Response::fetch(request(&service, Method::OPTIONS, path)).await;
        assert_eq!(
            (response.status.as_u16(), response.header("allow")),
            (204, "GET, HEAD, OPTIONS"),
            "{path}"
        );
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
            let rejected = Response::fetch(request(&service, method, path)).await;
            rejected.assert_problem(405, "METHOD_NOT_ALLOWED");
            assert_eq!(rejected.header("allow"), "GET, HEAD, OPTIONS", "{path}");
        }
        let (get, head) = (
            Response::fetch(request(&service, Method::GET, path)).await,
            Response::fetch(request(&service, Method::HEAD, path)).await,
        );
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
        for name in get.headers.keys().filter(|name| !["date", "x-request-id"].contains(&name.as_str())) {
            assert_eq!(head.headers.get(name), get.headers.get(name), "{name} of {path}");
        }
    }
}

#[tokio::test]
async fn usual_icon_and_docs_paths_redirect() {
    let service = Setup::new().start();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .build()
        .expect("the client must be built");
    let icon = Response::fetch(client.get(format!("{}/favicon.ico", service.address))).await;
    assert!(icon.status == 307 && icon.header("location").ends_with("/icon.svg"), "{icon:?}");
    let response = Response::fetch(client.get(format!("{}/docs/", service.address))).await;
    assert_eq!((response.status.as_u16(), response.header("location")), (308, "../docs"));
}

#[tokio::test]
async fn every_response_has_nosniff() {
    let service = Setup::new().start();
    let token = service.token("user_abc123");
    let openapi_path = "/api/v1/openapi.json";
    for (path, status) in [
        (LIST, 200),
        (openapi_path, 200),
        ("/health/live", 200),
        ("/nothing", 404),
        ("/api/v1/entities/icps/x", 400),
    ] {
        let response = service.get(path, Some(&token)).await;
        assert_eq!(response.status, status, "{response:?}");
        assert_eq!(response.header("x-content-type-options"), "nosniff", "{path}");
    }
    let without_token = service.get(LIST, None).await;
    assert_eq!(
        (without_token.status.as_u16(), without_token.header("x-content-type-options")),
        (401, "nosniff")
    );
    let request_without_json =
        request(&service, Method::POST, LIST).bearer_auth(&token).header("content-type", "text/plain");
    let rejected = Response::fetch(request_without_json.body("{}")).await;
    assert_eq!((rejected.status.as_u16(), rejected.header("x-content-type-options")), (415, "nosniff"));
}
