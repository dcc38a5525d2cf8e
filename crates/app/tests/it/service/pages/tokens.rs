use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use icp_testkit::fixtures::EXAMPLE_LIST;
use reqwest::Method;
use serde_json::Value;

use super::{PAGES, page, request};
use crate::support::{Answer, LIST, Service, Setup};

/// How every token begins: `{"`, in base64.
const START: &str = "eyJ";

/// The token that a page holds.
fn token(page: &Answer) -> &str {
    let rest = page.body.split_once(START).unwrap_or_else(|| panic!("a token in {page:?}")).1;
    let length = rest.find(['"', '&', '\'']).expect("it ends") + START.len();
    let start = page.body.find(START).expect("it is there");
    &page.body[start..start + length]
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("three parts");
    let json = URL_SAFE_NO_PAD.decode(payload).expect("base64");
    serde_json::from_slice(&json).expect("JSON")
}

async fn assert_none(service: &Service, path: &str, headers: &[(&str, &str)]) {
    let asking = headers
        .iter()
        .fold(request(service, Method::GET, path), |asking, (name, value)| asking.header(*name, *value));
    let page = Answer::of(asking).await;
    assert_eq!(page.status, 200, "it is a page all the same: {page:?}");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(!page.body.contains(START) && !page.body.contains("data-token"), "{path} to {headers:?}");
}

#[tokio::test]
async fn each_page_load_has_new_working_token() {
    let service = Setup::new().start();
    for path in PAGES {
        let first = page(&service, path).await;
        let claims = claims(token(&first));
        assert_eq!(claims["sub"], "user_abc123", "{path}");
        let lifetime = claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(end, start)| end - start);
        assert_eq!(lifetime, Some(12 * 60 * 60), "{path}");
        let list = service.get(LIST, Some(token(&first))).await;
        assert_eq!(list.json(), serde_json::from_str::<Value>(EXAMPLE_LIST).expect("JSON"));
        // Tokens are made to the second.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let second = page(&service, path).await;
        assert_ne!(token(&first), token(&second), "{path}");
    }
}

#[tokio::test]
async fn the_start_page_shows_the_line_to_paste() {
    let service = Setup::new().start();
    let start = page(&service, "/").await;
    let expected =
        format!("curl --header 'Authorization: Bearer {}' {}{LIST}</code>", token(&start), service.address);
    assert!(start.body.contains(&expected), "{expected} in {start:?}");
}

#[tokio::test]
async fn whoever_is_not_at_this_machine_gets_none() {
    let service = Setup::new().with("ICP__SERVER__CORS_ORIGINS", "http://localhost:3000").start();
    let host = ("host", service.socket());
    for path in PAGES {
        for headers in [
            // A name that has come to lead here.
            &[("host", "evil.example")][..],
            &[("host", "evil.example:8080"), ("sec-fetch-site", "same-origin")],
            &[("host", "localhost.evil.example")],
            // Pages of other sites, and of other ports of this machine.
            &[
                host,
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "cors"),
                ("sec-fetch-dest", "empty"),
            ],
            &[host, ("sec-fetch-site", "same-site"), ("origin", "http://localhost:3000")],
            &[host, ("origin", "http://localhost:3000")],
            &[
                host,
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "iframe"),
            ],
            // Tunnels.
            &[host, ("x-forwarded-for", "192.0.2.1")],
            &[host, ("forwarded", "for=192.0.2.1")],
        ] {
            assert_none(&service, path, headers).await;
        }
        token(&page(&service, path).await);
    }
}

#[tokio::test]
async fn where_clerk_decides_there_is_none() {
    let service = Setup::new()
        .with("ICP__AUTH__ISSUER", "https://clerk.example.com")
        .with("ICP__AUTH__JWKS_URL", "http://127.0.0.1:9/jwks.json")
        .start();
    for path in PAGES {
        assert_none(&service, path, &[]).await;
    }
    assert!(page(&service, "/").await.body.contains("Clerk session token"));
    assert!(page(&service, "/docs").await.body.contains("Authorize"));
    assert!(!service.setup.path().join("data/development-key.pem").exists(), "nor a key to make one with");
}

#[tokio::test]
async fn none_reaches_the_log() {
    let service = Setup::new().with("ICP__LOG__LEVEL", "trace").start();
    for path in PAGES {
        token(&page(&service, path).await);
    }
    let log = service.log();
    assert!(log.contains("/docs"), "the requests are in it: {log}");
    assert!(!log.contains(START) && !log.contains("user_abc123"), "{log}");
}
