use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::read::GzDecoder;
use reqwest::Method;

use super::{PAGES, addresses, page, request};
use crate::support::{Response, Service, Setup};

async fn assets(service: &Service) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for path in PAGES {
        named.extend(addresses(&page(service, path).await).into_iter().map(str::to_owned));
    }
    let assets = named.into_iter().filter(|address| address.starts_with("assets/"));
    assets.map(|address| format!("/{address}")).collect()
}

#[tokio::test]
async fn pages_reference_existing_local_assets_only() {
    let service = Setup::new().start();
    for path in PAGES {
        let page = page(&service, path).await;
        let named = addresses(&page);
        assert!(named.len() >= 4, "{named:?}");
        for address in named {
            assert!(!address.contains(':') && !address.starts_with('/'), "{address} is relative");
            let found = service.get(&format!("/{}", address.trim_start_matches("./")), None).await;
            assert_eq!(found.status, 200, "{address}");
            assert!(!found.body.is_empty(), "{address}");
        }
    }
}

#[tokio::test]
async fn assets_are_immutable_and_have_etags() {
    let service = Setup::new().start();
    let mut types = BTreeSet::new();
    for path in assets(&service).await {
        let file = service.get(&path, None).await;
        assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable", "{path}");
        assert_eq!(file.header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert_eq!(file.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(file.header("vary").to_lowercase(), "accept-encoding", "{path}");
        types.insert(format!("{} {}", path.rsplit('.').next().expect("a name"), file.header("content-type")));
        for coding in ["identity", "gzip", "br", "gzip, deflate, br, zstd"] {
            let asking = || request(&service, Method::GET, &path).header("accept-encoding", coding);
            let tag = Response::of(asking()).await.header("etag").to_owned();
            let again = Response::of(asking().header("if-none-match", &tag)).await;
            assert_eq!((again.status.as_u16(), again.body.as_str()), (304, ""), "{path} in {coding}");
            assert_eq!(again.header("etag"), tag, "{path} in {coding}");
            assert_eq!(again.header("cache-control"), file.header("cache-control"));
        }
        let other =
            Response::of(request(&service, Method::GET, &path).header("if-none-match", "\"0\"")).await;
        assert_eq!(other.status, 200, "{path}");
    }
    let expected = [
        "css text/css; charset=utf-8",
        "js text/javascript; charset=utf-8",
        "svg image/svg+xml",
        "txt text/plain; charset=utf-8",
    ];
    assert_eq!(types.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn compressed_viewer_equals_uncompressed_viewer() {
    let service = Setup::new().start();
    let viewer: Vec<String> =
        assets(&service).await.into_iter().filter(|path| path.contains("/swagger-ui")).collect();
    assert_eq!(viewer.len(), 3, "{viewer:?}");
    for path in viewer {
        let plain = service.get(&path, None).await;
        assert_eq!(plain.header("content-encoding"), "");
        // Headers of browsers.
        let asking =
            request(&service, Method::GET, &path).header("accept-encoding", "gzip, deflate, br, zstd");
        let response = asking.send().await.expect("the service must respond");
        assert_eq!(response.headers()["content-encoding"], "gzip", "{path}");
        let bytes = response.bytes().await.expect("the body must be complete");
        assert!(bytes.len() * 5 < plain.body.len() * 2, "{path}: {} of {}", bytes.len(), plain.body.len());
        let mut text = String::new();
        GzDecoder::new(bytes.as_ref()).read_to_string(&mut text).expect("the body must be gzip");
        assert_eq!(text, plain.body, "{path}");
    }
}

#[tokio::test]
async fn asset_of_other_version_is_404() {
    let service = Setup::new().start();
    let path = assets(&service).await.into_iter().next().expect("one");
    let name = path.rsplit('/').next().expect("a name");
    for digest in ["0000000000000000", "0", "latest", "%2e%2e"] {
        let missing = service.get(&format!("/assets/{digest}/{name}"), None).await;
        missing.assert_problem(404, "NOT_FOUND");
        assert_eq!(missing.header("cache-control"), "no-store");
    }
    for nowhere in ["/assets", "/assets/", "/assets/x", &path.replace(name, "Cargo.toml")] {
        service.get(nowhere, None).await.assert_problem(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn anonymous_responses_are_not_compressed_on_demand() {
    let service = Setup::new().start();
    let described = "/api/v1/openapi.json";
    for path in ["/", "/docs", described, "/health/live", "/metrics", "/nothing", crate::support::LIST] {
        for coding in ["br", "zstd", "deflate"] {
            for method in [Method::GET, Method::HEAD] {
                let response =
                    Response::of(request(&service, method, path).header("accept-encoding", coding)).await;
                assert_eq!(response.header("content-encoding"), "", "{path} in {coding}");
            }
        }
    }
    let head =
        Response::of(request(&service, Method::HEAD, described).header("accept-encoding", "gzip")).await;
    assert_eq!(head.header("content-encoding"), "gzip");
    assert!(!head.header("content-length").is_empty(), "{head:?}");
}
