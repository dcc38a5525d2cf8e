use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::read::GzDecoder;
use reqwest::Method;

use super::{PAGES, fetch_page, find_addresses, request};
use crate::support::{Response, Service, Setup};

/// Returns the paths of the assets that the pages reference.
async fn asset_paths(service: &Service) -> BTreeSet<String> {
    let mut asset_addresses = BTreeSet::new();
    for path in PAGES {
        asset_addresses
            .extend(find_addresses(&fetch_page(service, path).await).into_iter().map(str::to_owned));
    }
    let assets = asset_addresses.into_iter().filter(|address| address.starts_with("assets/"));
    assets.map(|address| format!("/{address}")).collect()
}

#[tokio::test]
async fn pages_reference_existing_local_assets_only() {
    let service = Setup::new().start();
    for path in PAGES {
        let page = fetch_page(&service, path).await;
        let asset_addresses = find_addresses(&page);
        assert!(asset_addresses.len() >= 4, "{asset_addresses:?}");
        for address in asset_addresses {
            assert!(
                !address.contains(':') && !address.starts_with('/'),
                "the page must use the relative address of {address}"
            );
            let asset = service.get(&format!("/{}", address.trim_start_matches("./")), None).await;
            assert_eq!(asset.status, 200, "{address}");
            assert!(!asset.body.is_empty(), "{address}");
        }
    }
}

#[tokio::test]
async fn assets_are_immutable_and_have_etags() {
    let service = Setup::new().start();
    let mut types = BTreeSet::new();
    for path in asset_paths(&service).await {
        let file = service.get(&path, None).await;
        assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable", "{path}");
        assert_eq!(file.header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert_eq!(file.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(file.header("vary").to_lowercase(), "accept-encoding", "{path}");
        types.insert(format!(
            "{} {}",
            path.rsplit('.').next().expect("the path must contain a name"),
            file.header("content-type")
        ));
        for coding in ["identity", "gzip", "br", "gzip, deflate, br, zstd"] {
            let compressed_request =
                || request(&service, Method::GET, &path).header("accept-encoding", coding);
            let tag = Response::fetch(compressed_request()).await.header("etag").to_owned();
            let revalidated = Response::fetch(compressed_request().header("if-none-match", &tag)).await;
            assert_eq!(
                (revalidated.status.as_u16(), revalidated.body.as_str()),
                (304, ""),
                "{path} in {coding}"
            );
            assert_eq!(revalidated.header("etag"), tag, "{path} in {coding}");
            assert_eq!(revalidated.header("cache-control"), file.header("cache-control"));
        }
        let other =
            Response::fetch(request(&service, Method::GET, &path).header("if-none-match", "\"0\"")).await;
        assert_eq!(other.status, 200, "{path}");
        let other = Response::fetch(request(&service, Method::GET, &path).header("if-match", "\"0\"")).await;
        other.assert_problem(412, "PRECONDITION_FAILED");
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
async fn compressed_asset_equals_uncompressed_asset() {
    let service = Setup::new().start();
    let swagger_ui_paths: Vec<String> =
        asset_paths(&service).await.into_iter().filter(|path| path.contains("/swagger-ui")).collect();
    assert_eq!(swagger_ui_paths.len(), 3, "{swagger_ui_paths:?}");
    for path in swagger_ui_paths {
        let plain = service.get(&path, None).await;
        assert_eq!(plain.header("content-encoding"), "");
        // Browsers send this header.
        let compressed_request =
            request(&service, Method::GET, &path).header("accept-encoding", "gzip, deflate, br, zstd");
        let response = compressed_request.send().await.expect("the service must respond");
        assert_eq!(response.headers()["content-encoding"], "gzip", "{path}");
        let bytes = response.bytes().await.expect("the body must be complete");
        assert!(
            bytes.len() * 5 < plain.body.len() * 2,
            "{path}: compression must remove 60% of the bytes, but {} of {} bytes remain",
            bytes.len(),
            plain.body.len()
        );
        let mut text = String::new();
        GzDecoder::new(bytes.as_ref()).read_to_string(&mut text).expect("the body must be gzip");
        assert_eq!(text, plain.body, "{path}");
    }
}

#[tokio::test]
async fn unknown_asset_or_version_is_404() {
    let service = Setup::new().start();
    let path = asset_paths(&service).await.into_iter().next().expect("the page must use assets");
    let name = path.rsplit('/').next().expect("the path must contain a name");
    for digest in ["0000000000000000", "0", "latest", "%2e%2e"] {
        let missing = service.get(&format!("/assets/{digest}/{name}"), None).await;
        missing.assert_problem(404, "NOT_FOUND");
        assert_eq!(missing.header("cache-control"), "no-store");
    }
    for unknown_path in ["/assets", "/assets/", "/assets/x", &path.replace(name, "Cargo.toml")] {
        service.get(unknown_path, None).await.assert_problem(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn anonymous_responses_use_only_prepared_gzip() {
    let service = Setup::new().start();
    let openapi_path = "/api/v1/openapi.json";
    for path in ["/", "/docs", openapi_path, "/health/live", "/metrics", "/nothing", crate::support::LIST] {
        for coding in ["br", "zstd", "deflate"] {
            for method in [Method::GET, Method::HEAD] {
                let response =
                    Response::fetch(request(&service, method, path).header("accept-encoding", coding)).await;
                assert_eq!(response.header("content-encoding"), "", "{path} in {coding}");
            }
        }
    }
    let head =
        Response::fetch(request(&service, Method::HEAD, openapi_path).header("accept-encoding", "gzip"))
            .await;
    assert_eq!(head.header("content-encoding"), "gzip");
    assert!(!head.header("content-length").is_empty(), "{head:?}");
}
