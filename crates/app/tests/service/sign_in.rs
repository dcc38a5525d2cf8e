//! Who is signed in, through the whole service; the rules themselves are tested where they stand.

use crate::support::{LIST, Setup, refusal};

/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:9/jwks.json";

#[tokio::test]
async fn a_key_server_out_of_reach_is_a_500_and_signs_nobody_out() {
    let token = Setup::new().token(&["--user", "user_ada"]);
    let service = Setup::new()
        .with("ICP__AUTH__ISSUER", "https://clerk.example.com")
        .with("ICP__AUTH__JWKS_URL", NOWHERE)
        .start();
    service.get(LIST, Some(&token)).await.assert_problem(500, "INTERNAL_ERROR");
    // What could be no token whatever the keys are is refused all the same.
    service.get(LIST, Some("garbage")).await.assert_problem(401, "UNAUTHORIZED");
    service.get(LIST, None).await.assert_problem(401, "UNAUTHORIZED");
    let ready = service.get("/health/ready", None).await;
    assert_eq!((ready.status.as_u16(), &ready.json()["checks"]["keys"]), (503, &"unavailable".into()));
    assert_eq!(service.get("/health/live", None).await.status, 200);
}

#[tokio::test]
async fn a_development_token_of_another_machine_does_not_count() {
    let elsewhere = Setup::new().token(&["--user", "user_abc123"]);
    let service = Setup::new().start();
    service.get(LIST, Some(&elsewhere)).await.assert_problem(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_development_token_lives_as_long_as_it_says() {
    let service = Setup::new().start();
    // The skew that is allowed for is 5 s; this one has expired all the same.
    let token = service.setup.token(&["--user", "user_abc123", "--ttl", "0s"]);
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    service.get(LIST, Some(&token)).await.assert_problem(401, "UNAUTHORIZED");
}

#[test]
fn no_token_is_made_where_clerk_is_configured() {
    let setup = Setup::new().with("CLERK_PUBLISHABLE_KEY", "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k");
    assert!(refusal(&setup, &["token", "--user", "user_ada"]).contains("Clerk is configured"));
}

#[test]
fn the_development_sign_in_serves_on_loopback_only() {
    for host in ["0.0.0.0", "::", "192.0.2.1", "example.com"] {
        let said = refusal(&Setup::new().with("ICP__SERVER__HOST", host), &["serve"]);
        assert!(said.contains("loopback only") && said.contains("CLERK_PUBLISHABLE_KEY"), "{said}");
    }
}
