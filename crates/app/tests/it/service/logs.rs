//! Checks that the log contains no secret and has the fields of each request, and that it never blocks the service.

use icp_test_postgres as postgres;

use crate::support::{LIST, Response, Setup, client};

#[tokio::test]
async fn log_contains_no_secret_at_any_level() {
    for format in ["pretty", "json"] {
        let database = postgres::shared().database();
        let url = database.url().replacen('@', ":hunter2@", 1);
        let service = Setup::new()
            .with("ICP__LOG__LEVEL", "trace")
            .with("ICP__LOG__FORMAT", format)
            .with("ICP__DATABASE__URL", &url)
            .start();
        let token = service.setup.token(&["--user", "user_abc123"]);
        let invalid_token = format!("{token}x");
        for path in [LIST.to_owned(), format!("{LIST}?token={token}"), format!("/nowhere/{token}")] {
            for bearer in [&token, &invalid_token] {
                let request = client().get(format!("{}{path}", service.address)).bearer_auth(bearer);
                Response::fetch(request.header("cookie", format!("__session={token}"))).await;
            }
        }
        let log = service.log();
        assert!(log.contains("request completed"), "the log must contain the requests: {log}");
        let (start, signature) = (
            token.get(..40).expect("the token must be long"),
            token.rsplit('.').next().expect("the token must have three parts"),
        );
        for secret in [start, signature, "hunter2", "user_abc123", "BEGIN"] {
            assert!(!log.contains(secret), "the log must not contain {secret}: {log}");
        }
    }
}

#[tokio::test]
async fn json_line_has_request_fields() {
    let service = Setup::new().with("ICP__LOG__FORMAT", "json").start();
    let request = client().get(format!("{}{LIST}", service.address)).header("x-request-id", "find-me");
    Response::fetch(request).await.assert_problem(401, "UNAUTHORIZED");
    let log = service.log();
    let line = log.lines().find(|line| line.contains("find-me")).expect("the log must have the line");
    let line: serde_json::Value = serde_json::from_str(line).expect("the text must be JSON");
    assert_eq!(
        (&line["method"], &line["route"], &line["status"]),
        (&"GET".into(), &LIST.into(), &401.into())
    );
}

/// Standard error is a pipe that no process reads. The service must not block on it.
#[tokio::test(flavor = "multi_thread")]
async fn unread_log_does_not_stop_service() {
    let (_log, service) = Setup::new().start_with_unread_log();
    for _ in 0..3_000 {
        assert_eq!(service.get("/health/live", None).await.status, 200);
    }
    let metrics = service.get("/metrics", None).await.body;
    let dropped = metrics.lines().find_map(|line| line.strip_prefix("icp_log_lines_dropped_total "));
    assert!(dropped.is_some(), "the metrics must report the number of dropped lines: {metrics}");
}

#[tokio::test]
async fn log_shows_unknown_methods_as_other() {
    let service = Setup::new().start();
    let method = "X".repeat(10_000);
    let request = format!("{method} / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(service.exchange(request.as_bytes()).starts_with("HTTP/1.1 405"));
    let log = service.log();
    assert!(log.contains("method=\"other\"") && !log.contains("XXXX"), "{log}");
}
