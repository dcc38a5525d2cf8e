pub(crate) mod key_server;
pub(crate) mod rsa;
pub(crate) mod token;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use icp_clerk::{AdminRule, ClerkAuthenticator, ClerkSettings, KeySetSettings, KeySource, SessionCookie};
use icp_domain::{Caller, Timestamp};
use icp_ports::{AuthenticationError, Authenticator as _, Clock, Credentials};

pub(crate) use key_server::{KeyServer, Reply};
pub(crate) use rsa::{INSTANCE_KEY, OTHER_KEY, TestKey, key_set};
pub(crate) use token::{ISSUER, JsonObject, NOW, USER, claims, header, sign_parts, token, unsigned_token};

/// The outcomes of the errors that have no reject reason.
pub(crate) const UNAVAILABLE: &str = "(unavailable)";
pub(crate) const INSUFFICIENT_SCOPE: &str = "(insufficient scope)";

/// A clock whose time a test sets, in Unix milliseconds.
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(NOW * 1000)))
    }

    pub(crate) fn set(&self, milliseconds: i64) {
        self.0.store(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// Returns settings with the issuer, the public key of [`INSTANCE_KEY`] in PEM, and a token cache. They enable nothing
/// else.
pub(crate) fn settings() -> ClerkSettings {
    ClerkSettings {
        issuer: ISSUER.to_owned(),
        keys: KeySource::Pem(INSTANCE_KEY.spki_pem().parse().unwrap()),
        authorized_parties: Vec::new(),
        audience: Vec::new(),
        admin: AdminRule::default(),
        session_cookie: SessionCookie::Ignored,
        token_cache_size: 1_000,
    }
}

pub(crate) fn start(settings: ClerkSettings) -> ClerkAuthenticator {
    ClerkAuthenticator::start(settings, TestClock::new()).unwrap()
}

/// Returns settings with the URL of a key server.
pub(crate) fn settings_with_key_server(
    server: &KeyServer,
    lifetime: Duration,
    cooldown: Duration,
) -> ClerkSettings {
    let url = server.url().parse().unwrap();
    ClerkSettings { keys: KeySource::KeySet(KeySetSettings { url, lifetime, cooldown }), ..settings() }
}

/// Splits a table into its values, which are separated by `;`.
pub(crate) fn split_values(table: &str) -> impl Iterator<Item = &str> {
    table.split(';').map(str::trim)
}

/// The ID of the signed-in user, or the reason why the credentials were refused.
pub(crate) type Outcome = Result<String, &'static str>;

#[expect(clippy::unnecessary_wraps, reason = "tests compare the result with outcomes")]
/// The outcome of a request that is authenticated as `user`.
pub(crate) fn signed_in(user: &str) -> Outcome {
    Ok(user.to_owned())
}

/// The outcome of a request that is authenticated as [`USER`].
pub(crate) fn accepted() -> Outcome {
    signed_in(USER)
}

/// The headers of a request.
#[derive(Clone, Copy, Default)]
pub(crate) struct RequestHeaders<'a> {
    pub(crate) authorization: &'a [&'a [u8]],
    pub(crate) cookie: &'a [&'a [u8]],
    pub(crate) origin: &'a [&'a [u8]],
    pub(crate) changes_state: bool,
}

impl Credentials for RequestHeaders<'_> {
    fn header(&self, name: &str) -> Vec<&[u8]> {
        match name {
            "authorization" => self.authorization.to_vec(),
            "cookie" => self.cookie.to_vec(),
            "origin" => self.origin.to_vec(),
            _ => Vec::new(),
        }
    }

    fn changes_state(&self) -> bool {
        self.changes_state
    }
}

pub(crate) fn outcome(outcome: Result<Caller, AuthenticationError>) -> Outcome {
    match outcome {
        Ok(caller) => Ok(caller.user_id().to_string()),
        Err(AuthenticationError::Unauthenticated(reason)) => Err(reason),
        Err(AuthenticationError::InsufficientScope) => Err(INSUFFICIENT_SCOPE),
        Err(AuthenticationError::Unavailable(_)) => Err(UNAVAILABLE),
    }
}

/// Authenticates with a token in the `Authorization` header, and returns the caller.
pub(crate) async fn caller(
    authenticator: &ClerkAuthenticator,
    token: &str,
) -> Result<Caller, AuthenticationError> {
    let line = format!("Bearer {token}");
    authenticator
        .authenticate(&RequestHeaders { authorization: &[line.as_bytes()], ..RequestHeaders::default() })
        .await
}

/// Authenticates with a token in the `Authorization` header, and returns the outcome.
pub(crate) async fn authenticate_bearer(authenticator: &ClerkAuthenticator, token: &str) -> Outcome {
    outcome(caller(authenticator, token).await)
}
