//! What every authenticator must do.

use std::sync::Arc;

use icp_domain::Caller;
use icp_ports::{AuthenticationError, Authenticator, Credentials, Health};
use libtest_mimic::Trial;

use super::support::trial;
use crate::fixtures::user;

/// What the authenticator suite tests: an authenticator, and a way to sign somebody in at it.
pub struct SignIn {
    authenticator: Arc<dyn Authenticator>,
    authorization: AuthorizationOf,
}

type AuthorizationOf = Box<dyn Fn(&Caller) -> Vec<u8> + Send + Sync>;

impl SignIn {
    /// `authorization` gives the value of the `Authorization` header with which a caller is signed in.
    pub fn new(
        authenticator: impl Authenticator + 'static,
        authorization: impl Fn(&Caller) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self { authenticator: Arc::new(authenticator), authorization: Box::new(authorization) }
    }

    async fn ask(&self, lines: &[&[u8]]) -> Result<Caller, AuthenticationError> {
        self.authenticator.authenticate(Credentials { authorization: lines, ..Credentials::default() }).await
    }

    fn line(&self, caller: &Caller) -> Vec<u8> {
        (self.authorization)(caller)
    }
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SignIn").finish_non_exhaustive()
    }
}

/// The suite of `Authenticator`: a trial for each case, and a fresh subject from `make` for each trial.
pub fn authenticator<F>(name: &str, make: impl Fn() -> F + Clone + Send + 'static) -> Vec<Trial>
where
    F: Future<Output = SignIn> + Send,
{
    macro_rules! trials {
        ($($case:ident),+ $(,)?) => {
            vec![$(trial(format!("{name}::{}", stringify!($case)), make.clone(), $case)),+]
        };
    }
    trials![
        tells_who_is_signed_in,
        tells_it_again,
        tells_admins_apart,
        nobody_is_signed_in_without_credentials,
        nobody_is_signed_in_by_two_header_lines,
        any_changed_byte_is_refused_or_changes_nothing,
        any_bytes_are_refused,
        tells_many_apart_at_once,
        is_healthy,
    ]
}

fn ada() -> Caller {
    Caller::user(user("user_ada"))
}

async fn tells_who_is_signed_in(subject: SignIn) {
    assert_eq!(subject.ask(&[&subject.line(&ada())]).await.expect("signed in"), ada());
}

async fn tells_it_again(subject: SignIn) {
    let line = subject.line(&ada());
    for _ in 0..3 {
        assert_eq!(subject.ask(&[&line]).await.expect("signed in"), ada());
    }
}

async fn tells_admins_apart(subject: SignIn) {
    let admin = Caller::admin(user("user_root"));
    assert_eq!(subject.ask(&[&subject.line(&admin)]).await.expect("signed in"), admin);
    assert_eq!(subject.ask(&[&subject.line(&ada())]).await.expect("signed in"), ada());
}

async fn nobody_is_signed_in_without_credentials(subject: SignIn) {
    refused(&subject, &[]).await;
    refused(&subject, &[b""]).await;
}

async fn nobody_is_signed_in_by_two_header_lines(subject: SignIn) {
    let line = subject.line(&ada());
    refused(&subject, &[&line, &line]).await;
    refused(&subject, &[&line, b"Basic dTpw"]).await;
}

async fn any_changed_byte_is_refused_or_changes_nothing(subject: SignIn) {
    let line = subject.line(&ada());
    subject.ask(&[&line]).await.expect("signed in");
    for at in 0..line.len() {
        let mut changed = line.clone();
        if let Some(byte) = changed.get_mut(at) {
            *byte ^= 1;
        }
        // The scheme's case may change; nobody else may be signed in by a change.
        match subject.ask(&[&changed]).await {
            Ok(caller) => assert_eq!(caller, ada(), "after a change of byte {at}"),
            Err(AuthenticationError::Unauthenticated(_)) => {}
            Err(AuthenticationError::Unavailable(error)) => panic!("byte {at}: {error}"),
        }
    }
}

async fn any_bytes_are_refused(subject: SignIn) {
    let long = vec![b'x'; 100_000];
    let garbage: [&[u8]; 12] = [
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
        &long,
    ];
    for line in garbage {
        refused(&subject, &[line]).await;
    }
}

async fn tells_many_apart_at_once(subject: SignIn) {
    let subject = Arc::new(subject);
    let requests: Vec<_> = (0..40)
        .map(|number| {
            let subject = Arc::clone(&subject);
            tokio::spawn(async move {
                let caller = Caller::user(user(&format!("user_{number}")));
                let line = subject.line(&caller);
                for _ in 0..5 {
                    assert_eq!(subject.ask(&[&line]).await.expect("signed in"), caller);
                }
            })
        })
        .collect();
    for request in requests {
        request.await.expect("each is who they are");
    }
}

async fn is_healthy(subject: SignIn) {
    assert_eq!(subject.authenticator.health().await, Health::Ok);
}

async fn refused(subject: &SignIn, lines: &[&[u8]]) {
    let result = subject.ask(lines).await;
    assert!(matches!(result, Err(AuthenticationError::Unauthenticated(_))), "{lines:?} gave {result:?}");
}
