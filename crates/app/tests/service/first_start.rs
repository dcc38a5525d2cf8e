//! What a newcomer sees.

use icp_testkit::fixtures::EXAMPLE_LIST;
use serde_json::Value;

use crate::support::{Setup, stdout};

#[tokio::test]
async fn the_printed_curl_line_gives_the_sample_icps() {
    let mut service = Setup::new().start();
    // Through a copy of the line that was printed, since the service has to run while the line is tried.
    let list = service.list("user_abc123").await;
    assert_eq!(list.status, 200);
    let example: Value = serde_json::from_str(EXAMPLE_LIST).expect("it is JSON");
    assert_eq!(list.json(), example);

    let greeting = service.greeting();
    let line = greeting.lines().find(|line| line.starts_with("curl ")).expect("a line to paste");
    service.ended_within(std::time::Duration::from_secs(10));
    let port = service.address.rsplit(':').next().expect("a port").to_owned();
    let folder = service.setup.folder.path().to_owned();
    assert!(line.ends_with(&format!("http://127.0.0.1:{port}/api/v1/entities/icps")), "{line}");

    // The same service again, on the same port, so that the line can be pasted.
    let again = Setup::new().with("ICP__SERVER__PORT", &port);
    let copied =
        std::process::Command::new("cp").arg("-r").arg(folder.join("data")).arg(again.path()).status();
    assert!(copied.expect("cp runs").success());
    let _service = again.start();
    let pasted = std::process::Command::new("sh").args(["-c", line]).output().expect("a shell");
    let pasted: Value = serde_json::from_str(&stdout(&pasted)).expect("curl prints JSON");
    assert_eq!(pasted, example);
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
