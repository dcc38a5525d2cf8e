//! Tests sign-in over HTTP. The tests of `icp-clerk` cover the rules for tokens.

use serde_json::json;

use crate::support::clerk::Clerk;
use crate::support::{LIST, Setup, run_failing};

/// No server listens on this address.
const UNREACHABLE_URL: &str = "http://127.0.0.1:9/jwks.json";

#[tokio::test]
async fn unreachable_key_server_is_500() {
    let token = Setup::new().token(&["--user", "user_ada"]);
    let service = Setup::new()
        .with("ICP__AUTH__ISSUER", "https://clerk.example.com")
        .with("ICP__AUTH__JWKS_URL", UNREACHABLE_URL)
        .start();
    service.get(LIST, Some(&token)).await.assert_problem(500, "INTERNAL_ERROR");
    // The service rejects a malformed token without a key.
    service.get(LIST, Some("garbage")).await.assert_problem(401, "UNAUTHORIZED");
    service.get(LIST, None).await.assert_problem(401, "UNAUTHORIZED");
    let ready = service.get("/health/ready", None).await;
    assert_eq!((ready.status.as_u16(), &ready.json()["checks"]["keys"]), (503, &"unavailable".into()));
    assert_eq!(service.get("/health/live", None).await.status, 200);
}

#[tokio::test]
async fn development_token_of_other_key_is_rejected() {
    let other_token = Setup::new().token(&["--user", "user_abc123"]);
    let service = Setup::new().start();
    service.get(LIST, Some(&other_token)).await.assert_problem(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn development_token_expires_after_its_ttl() {
    let service = Setup::new().start();
    // The service still accepts the expired token for 5 seconds, because the clocks of two machines may differ.
    let token = service.setup.token(&["--user", "user_abc123", "--ttl", "0s"]);
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    service.get(LIST, Some(&token)).await.assert_problem(401, "UNAUTHORIZED");
}

#[test]
fn token_command_fails_if_clerk_is_configured() {
    let setup = Setup::new().with("CLERK_PUBLISHABLE_KEY", "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k");
    assert!(run_failing(&setup, &["token", "--user", "user_ada"]).contains("Clerk is configured"));
}

#[test]
fn development_sign_in_serves_on_loopback_only() {
    for host in ["0.0.0.0", "::", "192.0.2.1", "example.com"] {
        let message = run_failing(&Setup::new().with("ICP__SERVER__HOST", host), &["serve"]);
        assert!(
            message.contains("not a loopback address") && message.contains("CLERK_PUBLISHABLE_KEY"),
            "{message}"
        );
    }
}

#[test]
fn token_command_creates_no_key() {
    let setup = Setup::new();
    let message = run_failing(&setup, &["token", "--user", "user_ada"]);
    assert!(message.contains("data/development-key.pem") && message.contains("icp serve"), "{message}");
    assert!(!setup.path().join("data").exists());
}

#[tokio::test]
async fn log_names_reasons_of_rejected_sign_ins() {
    let clerk = Clerk::new();
    let service = clerk
        .trusted_by(Setup::new())
        .with("ICP__AUTH__AUTHORIZED_PARTIES", "https://app.example.com")
        .start();
    let token_of_other_party = clerk.session("user_ada", json!({"azp": "https://evil.example.com"}));
    for _ in 0..50 {
        service.get(LIST, Some(&token_of_other_party)).await.assert_problem(401, "UNAUTHORIZED");
    }
    let tokens = [
        clerk.session("user_ada", json!({})),
        Clerk::with_issuer("https://other.example.com\n").session("user_ada", json!({})),
        clerk.session("user_ada", json!({"iss": "https://other.example.com\n\u{1b}[31m"})),
        format!("{token_of_other_party}x"),
    ];
    for token in &tokens {
        service.get(LIST, Some(token)).await.assert_problem(401, "UNAUTHORIZED");
    }
    // The log has one line for each reason, with the first unexpected value as an example.
    let log = service.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("refused sign-ins")).collect();
    for (reason, example) in [
        ("wrong_party", "https://evil.example.com"),
        ("missing_party", ""),
        ("bad_signature", ""),
        ("wrong_issuer", "https://other.example.com??[31m"),
        ("malformed_token", ""),
    ] {
        let lines_with_reason: Vec<_> = lines.iter().filter(|line| line.contains(reason)).collect();
        assert!(
            matches!(lines_with_reason.as_slice(), [line] if line.contains(example)),
            "{reason}: {lines_with_reason:?} in {log}"
        );
    }
    for token in tokens.iter().chain([&token_of_other_party]) {
        assert!(!log.contains(token.rsplit('.').next().expect("the token must have three parts")), "{log}");
    }
    assert!(!log.contains("user_ada"), "{log}");
}

#[tokio::test]
async fn log_names_url_and_cause_of_failed_fetch() {
    let service = Setup::new().with("ICP__AUTH__ISSUER", "https://clerk.example.com");
    let log = service.with("ICP__AUTH__JWKS_URL", UNREACHABLE_URL).start().log();
    let line = log.lines().find(|line| line.contains("cannot fetch the key set"));
    let line = line.unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains(UNREACHABLE_URL) && line.contains("refused"), "{line}");
}

#[tokio::test]
async fn impersonation_is_logged_and_grants_no_admin_rights() {
    let clerk = Clerk::new();
    let service = clerk.trusted_by(Setup::new()).with("ICP__AUTH__ADMIN_USER_IDS", "user_root").start();
    let body = json!({"name": "A", "leadProviderCriteria": []});
    let path = service.create(&clerk.session("user_ada", json!({})), &body).await.icp_path();
    assert_eq!(service.get(&path, Some(&clerk.session("user_root", json!({})))).await.status, 200);
    assert!(!service.log().contains("actor"), "{}", service.log());
    let impersonated = clerk.session("user_root", json!({"act": {"sub": "user_support"}}));
    service.get(&path, Some(&impersonated)).await.assert_problem(403, "FORBIDDEN");
    let log = service.log();
    let line = log.lines().find(|line| line.contains("actor")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains(r#"actor="user_support""#) && line.contains("status=403"), "{line}");
}

#[tokio::test]
async fn requests_waiting_for_key_hold_no_permit() {
    // This server accepts connections but never responds.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("the listener must bind the port");
    let url =
        format!("http://{}/jwks.json", listener.local_addr().expect("the listener must have an address"));
    let clerk = Clerk::new();
    let service = Setup::new()
        .with("ICP__AUTH__ISSUER", &clerk.issuer)
        .with("ICP__AUTH__JWKS_URL", &url)
        .with("ICP__SERVER__MAX_IN_FLIGHT", "1")
        .start();
    let token = clerk.session("user_ada", json!({}));
    let other_request = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        service.get(LIST, None).await
    };
    let (waiting, other) = tokio::join!(service.get(LIST, Some(&token)), other_request);
    other.assert_problem(401, "UNAUTHORIZED");
    waiting.assert_problem(500, "INTERNAL_ERROR");
}
