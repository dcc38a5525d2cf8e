//! The suites of `Authenticator` pass for a correct authenticator, and fail for authenticators with defects.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use async_trait::async_trait;
use icp_domain::Caller;
use icp_ports::{AuthenticationError, Authenticator, Credentials, Health, HealthCheck};
use icp_testkit::contract::{self, SignIn};
use icp_testkit::fakes::{FakeAuthenticator, FakeCredentials};

use crate::trials::{assert_fail, assert_pass};

/// An authenticator that accepts tokens of [`FakeAuthenticator`] if they begin with a correct checksum.
#[derive(Clone, Copy, Default)]
struct ChecksumAuthenticator {
    /// True if a dependency cannot be reached.
    has_outage: bool,
    reports_outage_as_unauthenticated: bool,
    panics_on_odd_bytes: bool,
}

fn checksum(token: &str) -> String {
    let mut hasher = DefaultHasher::new();
    token.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn authorization(caller: &Caller) -> Vec<u8> {
    let token = format!("{}{}", if caller.is_admin() { "admin:" } else { "" }, caller.user_id());
    format!("Bearer {}{token}", checksum(&token)).into_bytes()
}

#[async_trait]
impl Authenticator for ChecksumAuthenticator {
    async fn authenticate(&self, credentials: &dyn Credentials) -> Result<Caller, AuthenticationError> {
        if self.has_outage && !self.reports_outage_as_unauthenticated {
            return Err(AuthenticationError::Unavailable("no route to the key server".into()));
        }
        let lines = credentials.header("authorization");
        let [line] = lines.as_slice() else { return Err(AuthenticationError::Unauthenticated("no_token")) };
        let text = match std::str::from_utf8(line) {
            Err(error) if self.panics_on_odd_bytes => panic!("{error}"),
            text => text.unwrap_or_default(),
        };
        let checksum_and_token = text.strip_prefix("Bearer ").and_then(|token| token.split_at_checked(16));
        let token = checksum_and_token.filter(|(sum, token)| *sum == checksum(token) && !self.has_outage);
        let Some((_, token)) = token else {
            return Err(AuthenticationError::Unauthenticated("bad_checksum"));
        };
        let token = FakeCredentials::default().with_header("authorization", format!("Bearer {token}"));
        FakeAuthenticator.authenticate(&token).await
    }
}

#[async_trait]
impl HealthCheck for ChecksumAuthenticator {
    async fn health(&self) -> Health {
        if self.has_outage { Health::Unavailable } else { Health::Ok }
    }
}

#[test]
fn suite_passes_for_correct_authenticator() {
    let correct = ChecksumAuthenticator::default();
    assert_pass(contract::authenticator("good", async move || SignIn::new(correct, authorization)));
    let with_outage = ChecksumAuthenticator { has_outage: true, ..correct };
    assert_pass(contract::authenticator_outage("good", async move || {
        SignIn::new(with_outage, authorization)
    }));
}

#[test]
fn suite_detects_panic_on_odd_bytes() {
    let defective = ChecksumAuthenticator { panics_on_odd_bytes: true, ..ChecksumAuthenticator::default() };
    let trials = contract::authenticator("defect", async move || SignIn::new(defective, authorization));
    assert_fail(trials, &["odd_bytes_are_unauthenticated_without_panic"]);
}

#[test]
fn suite_detects_outage_reported_as_unauthenticated() {
    let defective = ChecksumAuthenticator {
        has_outage: true,
        reports_outage_as_unauthenticated: true,
        ..ChecksumAuthenticator::default()
    };
    let trials =
        contract::authenticator_outage("defect", async move || SignIn::new(defective, authorization));
    assert_fail(trials, &["valid_token_is_unavailable_during_outage"]);
}

#[test]
fn suite_detects_unchecked_tokens() {
    let trials = contract::authenticator("defect", async || {
        SignIn::new(FakeAuthenticator, |caller| format!("Bearer {}", caller.user_id()).into_bytes())
    });
    assert_fail(trials, &["changed_byte_does_not_change_user"]);
}
