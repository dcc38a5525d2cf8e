//! What a newcomer sees.

use icp_testkit::fixtures::EXAMPLE_LIST;
use serde_json::Value;

use crate::support::{Answer, LIST, Setup, client, stdout};

#[tokio::test]
async fn the_printed_curl_line_gives_the_sample_icps() {
    let mut service = Setup::new().start();
    let line = service.printed_line("curl ");
    // curl itself is not on every machine; this is what it makes of the line.
    let (header, url) = line
        .strip_prefix("curl --header 'Authorization: ")
        .and_then(|rest| rest.strip_suffix('\'')?.split_once("' '"))
        .unwrap_or_else(|| panic!("a line to paste: {line}"));
    assert_eq!(url, format!("{}{LIST}", service.address));
    let pasted = Answer::of(client().get(url).header("authorization", header)).await;
    let example: Value = serde_json::from_str(EXAMPLE_LIST).expect("it is JSON");
    assert_eq!(pasted.json(), example);
}

/// The fragment of the printed address is the token; the page itself has none.
#[tokio::test]
async fn printed_page_is_signed_in() {
    let mut service = Setup::new().start();
    let line = service.printed_line("documentation: ");
    let (page, token) = line
        .strip_prefix("documentation: ")
        .and_then(|address| address.split_once("#token="))
        .unwrap_or_else(|| panic!("an address: {line}"));
    assert_eq!(page, format!("{}/docs", service.address));
    let list = service.get(LIST, Some(token)).await;
    assert_eq!(list.json().as_array().map(Vec::len), Some(2), "{list:?}");
    for path in ["/", "/docs"] {
        assert!(!service.get(path, None).await.body.contains("eyJ"), "{path} contains a token");
    }
}

#[tokio::test]
async fn a_new_development_database_gets_its_samples_once() {
    let first = Setup::new().start();
    assert_eq!(first.list("user_xyz789").await.json().as_array().map(Vec::len), Some(1));
    let export = first.setup.icp(&["export"]);
    assert_eq!(stdout(&export).lines().count(), 2);

    // Not into a database that somebody has made before.
    let other = Setup::new();
    assert!(other.icp_with_input(&["import"], b"").status.success());
    let other = other.start();
    assert_eq!(other.list("user_abc123").await.body, "[]");
}

#[cfg(unix)]
#[tokio::test]
async fn the_development_key_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let service = Setup::new().start();
    let key = service.setup.path().join("data/development-key.pem");
    let mode = std::fs::metadata(key).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn answers_whether_it_lives_and_is_ready() {
    let service = Setup::new().start();
    assert_eq!(service.get("/health/live", None).await.status, 200);
    let ready = service.get("/health/ready", None).await;
    assert_eq!(ready.status, 200);
    assert_eq!(
        ready.json(),
        serde_json::json!({"status": "ready", "checks": {"database": "ok", "keys": "ok"}})
    );
}
