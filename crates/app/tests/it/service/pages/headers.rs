use reqwest::Method;
use reqwest::redirect::Policy;

use super::{PAGES, page, request};
use crate::support::{LIST, Response, Setup};

#[tokio::test]
async fn pages_are_under_a_tight_policy() {
    let service = Setup::new().start();
    for path in PAGES {
        let page = page(&service, path).await;
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
            assert!(policy.split("; ").any(|stated| stated == directive), "{directive} of {path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
        for inline in ["<style", " style=", "<script>", " onclick=", " onload=", "javascript:"] {
            assert!(!page.body.contains(inline), "{inline} in {path}");
        }
    }
    let start = page(&service, "/").await;
    assert!(!start.header("content-security-policy").contains("script-src"), "it has none");
    assert!(!start.body.contains("<script"), "{start:?}");
}

#[tokio::test]
async fn pages_are_read_and_not_written() {
    let service = Setup::new().start();
    let icon = super::addresses(&page(&service, "/").await)[0].to_owned();
    for path in [PAGES[0], PAGES[1], "/docs/", &format!("/{icon}")] {
        let response = Response::of(request(&service, Method::OPTIONS, path)).await;
        assert_eq!(
            (response.status.as_u16(), response.header("allow")),
            (204, "GET, HEAD, OPTIONS"),
            "{path}"
        );
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
            let refused = Response::of(request(&service, method, path)).await;
            refused.assert_problem(405, "METHOD_NOT_ALLOWED");
            assert_eq!(refused.header("allow"), "GET, HEAD, OPTIONS", "{path}");
        }
        let (got, head) = (
            Response::of(request(&service, Method::GET, path)).await,
            Response::of(request(&service, Method::HEAD, path)).await,
        );
        assert_eq!((head.status, head.body.as_str()), (got.status, ""), "{path}");
        for name in got.headers.keys().filter(|name| !["date", "x-request-id"].contains(&name.as_str())) {
            assert_eq!(head.headers.get(name), got.headers.get(name), "{name} of {path}");
        }
    }
}

#[tokio::test]
async fn documentation_and_icon_are_found() {
    let service = Setup::new().start();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .build()
        .expect("the client must be built");
    let icon = Response::of(client.get(format!("{}/favicon.ico", service.address))).await;
    assert!(icon.status == 307 && icon.header("location").ends_with("/icon.svg"), "{icon:?}");
    let response = Response::of(client.get(format!("{}/docs/", service.address))).await;
    assert_eq!((response.status.as_u16(), response.header("location")), (308, "../docs"));
}

#[tokio::test]
async fn every_response_has_nosniff() {
    let service = Setup::new().start();
    let token = service.token("user_abc123");
    let described = "/api/v1/openapi.json";
    for (path, status) in [
        (LIST, 200),
        (described, 200),
        ("/health/live", 200),
        ("/nothing", 404),
        ("/api/v1/entities/icps/x", 400),
    ] {
        let response = service.get(path, Some(&token)).await;
        assert_eq!(response.status, status, "{response:?}");
        assert_eq!(response.header("x-content-type-options"), "nosniff", "{path}");
    }
    let signed_out = service.get(LIST, None).await;
    assert_eq!((signed_out.status.as_u16(), signed_out.header("x-content-type-options")), (401, "nosniff"));
    let created =
        request(&service, Method::POST, LIST).bearer_auth(&token).header("content-type", "text/plain");
    let refused = Response::of(created.body("{}")).await;
    assert_eq!((refused.status.as_u16(), refused.header("x-content-type-options")), (415, "nosniff"));
}
