//! The contract of [`Authenticator`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use icp_domain::Caller;
use icp_ports::{AuthenticationError, Authenticator, Health};
use libtest_mimic::Trial;

use super::trial::trials;
use crate::fakes::FakeCredentials;
use crate::fixtures::user;

/// Maximum duration of `authenticate` that the port allows.
const MAX_AUTHENTICATE_DURATION: Duration = Duration::from_secs(5);
/// Maximum duration of `health` that the port allows.
const MAX_HEALTH_DURATION: Duration = Duration::from_secs(3);

/// The authenticator that a suite tests, and a way to sign users in.
pub struct SignIn {
    authenticator: Arc<dyn Authenticator>,
    authorization: AuthorizationFn,
}

type AuthorizationFn = Box<dyn Fn(&Caller) -> Vec<u8> + Send + Sync>;

impl SignIn {
    /// Creates the subject of a suite. `authorization` returns the value of the `Authorization` header with which a
    /// caller signs in.
    pub fn new(
        authenticator: impl Authenticator + 'static,
        authorization: impl Fn(&Caller) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self { authenticator: Arc::new(authenticator), authorization: Box::new(authorization) }
    }

    /// Authenticates a request with the `Authorization` headers `lines`.
    async fn authenticate(&self, lines: &[&[u8]]) -> Result<Caller, AuthenticationError> {
        let credentials = lines.iter().fold(FakeCredentials::default(), |credentials, line| {
            credentials.with_header("authorization", *line)
        });
        self.authenticate_with(&credentials).await
    }

    async fn authenticate_with(&self, credentials: &FakeCredentials) -> Result<Caller, AuthenticationError> {
        let start = Instant::now();
        let result = self.authenticator.authenticate(credentials).await;
        let elapsed = start.elapsed();
        assert!(elapsed < MAX_AUTHENTICATE_DURATION, "authenticate must not take {elapsed:?}");
        result
    }

    fn authorization(&self, caller: &Caller) -> Vec<u8> {
        (self.authorization)(caller)
    }

    async fn assert_unauthenticated(&self, lines: &[&[u8]]) {
        let result = self.authenticate(lines).await;
        assert!(
            matches!(result, Err(AuthenticationError::Unauthenticated(_))),
            "{lines:?} must be unauthenticated, but the result is {result:?}"
        );
    }
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SignIn").finish_non_exhaustive()
    }
}

/// The suite of [`Authenticator`]. `make` returns an authenticator that can reach its dependencies.
pub fn authenticator(name: &str, make: impl AsyncFn() -> SignIn + Clone + Send + 'static) -> Vec<Trial> {
    trials![
        name, make, |subject| subject;
        returns_signed_in_user,
        returns_user_again_for_repeated_token,
        distinguishes_admins_from_users,
        accepts_tokens_of_reads_and_writes,
        request_without_credentials_is_unauthenticated,
        two_authorization_lines_are_unauthenticated,
        changed_byte_does_not_change_user,
        odd_bytes_are_unauthenticated_without_panic,
        odd_bytes_in_other_headers_do_not_panic,
        concurrent_requests_get_their_own_user,
        health_is_ok,
    ]
}

/// The suite of an [`Authenticator`] whose dependency, such as a key server, has never been reachable.
///
/// `make` returns an authenticator in this state. Authenticators without dependencies do not run this suite.
pub fn authenticator_outage(
    name: &str,
    make: impl AsyncFn() -> SignIn + Clone + Send + 'static,
) -> Vec<Trial> {
    trials![name, make, |subject| subject; valid_token_is_unavailable_during_outage, health_is_unavailable_during_outage]
}

fn ada() -> Caller {
    Caller::user(user("user_ada"))
}

async fn returns_signed_in_user(subject: SignIn) {
    assert_eq!(
        subject
            .authenticate(&[&subject.authorization(&ada())])
            .await
            .expect("the credentials must be accepted"),
        ada()
    );
}

async fn returns_user_again_for_repeated_token(subject: SignIn) {
    let line = subject.authorization(&ada());
    for _ in 0..3 {
        assert_eq!(subject.authenticate(&[&line]).await.expect("the credentials must be accepted"), ada());
    }
}

async fn distinguishes_admins_from_users(subject: SignIn) {
    let admin = Caller::admin(user("user_root"));
    assert_eq!(
        subject
            .authenticate(&[&subject.authorization(&admin)])
            .await
            .expect("the credentials must be accepted"),
        admin
    );
    assert_eq!(
        subject
            .authenticate(&[&subject.authorization(&ada())])
            .await
            .expect("the credentials must be accepted"),
        ada()
    );
}

async fn accepts_tokens_of_reads_and_writes(subject: SignIn) {
    let read = FakeCredentials::default().with_header("authorization", subject.authorization(&ada()));
    for credentials in [read.clone(), read.changing_state()] {
        assert_eq!(
            subject.authenticate_with(&credentials).await.expect("the credentials must be accepted"),
            ada()
        );
    }
}

async fn request_without_credentials_is_unauthenticated(subject: SignIn) {
    subject.assert_unauthenticated(&[]).await;
    subject.assert_unauthenticated(&[b""]).await;
}

async fn two_authorization_lines_are_unauthenticated(subject: SignIn) {
    let line = subject.authorization(&ada());
    subject.assert_unauthenticated(&[&line, &line]).await;
    subject.assert_unauthenticated(&[&line, b"Basic dTpw"]).await;
}

async fn changed_byte_does_not_change_user(subject: SignIn) {
    let line = subject.authorization(&ada());
    subject.authenticate(&[&line]).await.expect("the credentials must be accepted");
    for index in 0..line.len() {
        let mut changed = line.clone();
        if let Some(byte) = changed.get_mut(index) {
            *byte ^= 1;
        }
        // An authenticator may ignore a part of the header. So the header can still be valid after the change.
        match subject.authenticate(&[&changed]).await {
            Ok(caller) => {
                assert_eq!(caller, ada(), "the user must be the same after a change of byte {index}");
            }
            Err(AuthenticationError::Unauthenticated(_) | AuthenticationError::InsufficientScope) => {}
            Err(AuthenticationError::Unavailable(error)) => {
                panic!("unavailable after a change of byte {index}: {error}")
            }
        }
    }
}

fn invalid_authorization_values() -> Vec<Vec<u8>> {
    let values: [&[u8]; 11] = [
        b"Bearer",
        b"Bearer ",
        b"Bearer  x",
        b"Bearer \xff\xfe",
        b"Bearer ...",
        b"Bearer e30.e30.e30",
        b"Bearer eyJhbGciOiJub25lIn0.e30.",
        b"Basic dXNlcjpwYXNz",
        b"\0\0\0",
        b"Bearer \0",
        b"\xf0\x9f\xa6\x80",
    ];
    values.into_iter().map(<[u8]>::to_vec).chain([vec![b'x'; 100_000]]).collect()
}

async fn odd_bytes_are_unauthenticated_without_panic(subject: SignIn) {
    for value in invalid_authorization_values() {
        subject.assert_unauthenticated(&[&value]).await;
    }
}

async fn odd_bytes_in_other_headers_do_not_panic(subject: SignIn) {
    for name in ["cookie", "origin", "host", "x-forwarded-for"] {
        for value in invalid_authorization_values() {
            let credentials = FakeCredentials::default().with_header(name, value).changing_state();
            let result = subject.authenticate_with(&credentials).await;
            assert!(
                matches!(result, Err(AuthenticationError::Unauthenticated(_))),
                "header {name} must be ignored, but the result is {result:?}"
            );
        }
    }
}

async fn concurrent_requests_get_their_own_user(subject: SignIn) {
    let subject = Arc::new(subject);
    let tasks: Vec<_> = (0..40)
        .map(|number| {
            let subject = Arc::clone(&subject);
            tokio::spawn(async move {
                let caller = Caller::user(user(&format!("user_{number}")));
                let line = subject.authorization(&caller);
                for _ in 0..5 {
                    assert_eq!(
                        subject.authenticate(&[&line]).await.expect("the credentials must be accepted"),
                        caller
                    );
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task must not panic");
    }
}

async fn health_is_ok(subject: SignIn) {
    assert_eq!(subject.authenticator.health().await, Health::Ok);
}

async fn valid_token_is_unavailable_during_outage(subject: SignIn) {
    let line = subject.authorization(&ada());
    for _ in 0..2 {
        let result = subject.authenticate(&[&line]).await;
        assert!(matches!(result, Err(AuthenticationError::Unavailable(_))), "{result:?}");
    }
}

async fn health_is_unavailable_during_outage(subject: SignIn) {
    let start = Instant::now();
    assert_eq!(subject.authenticator.health().await, Health::Unavailable);
    let elapsed = start.elapsed();
    assert!(elapsed < MAX_HEALTH_DURATION, "health must not take {elapsed:?}");
}
