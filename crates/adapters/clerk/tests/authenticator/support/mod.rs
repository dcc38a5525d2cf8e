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
pub(crate) use rsa::{KEY, OTHER, TestKey, key_set};
pub(crate) use token::{ISSUER, NOW, Object, USER, claims, header, seal, token, unsigned};

/// What a request that could not be judged comes to.
pub(crate) const UNAVAILABLE: &str = "(unavailable)";

/// A clock that shows what it is told, in milliseconds.
#[derive(Debug)]
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

/// Settings with the key of [`KEY`] in PEM, and nothing else configured.
pub(crate) fn settings() -> ClerkSettings {
    ClerkSettings {
        issuer: ISSUER.to_owned(),
        keys: KeySource::Pem(KEY.spki_pem().parse().unwrap()),
        authorized_parties: Vec::new(),
        audience: Vec::new(),
        admin: AdminRule::default(),
        session_cookie: SessionCookie::Ignored,
    }
}

pub(crate) fn start(settings: ClerkSettings) -> ClerkAuthenticator {
    ClerkAuthenticator::start(settings, TestClock::new()).unwrap()
}

/// An authenticator whose keys come from a server.
pub(crate) fn start_with_server(
    server: &KeyServer,
    lifetime: Duration,
    cooldown: Duration,
) -> ClerkAuthenticator {
    start(ClerkSettings { keys: server_keys(server, lifetime, cooldown), ..settings() })
}

pub(crate) fn server_keys(server: &KeyServer, lifetime: Duration, cooldown: Duration) -> KeySource {
    KeySource::KeySet(KeySetSettings { url: server.url().parse().unwrap(), lifetime, cooldown })
}

/// The user's id, or why there is none.
pub(crate) type Verdict = Result<String, &'static str>;

#[expect(clippy::unnecessary_wraps, reason = "it is compared with verdicts")]
pub(crate) fn signed_in(user: &str) -> Verdict {
    Ok(user.to_owned())
}

pub(crate) fn accepted() -> Verdict {
    signed_in(USER)
}

/// The headers of a request.
#[derive(Clone, Copy, Default)]
pub(crate) struct Headers<'a> {
    pub(crate) authorization: &'a [&'a [u8]],
    pub(crate) cookie: &'a [&'a [u8]],
    pub(crate) origin: &'a [&'a [u8]],
    pub(crate) changes_state: bool,
}

impl Credentials for Headers<'_> {
    fn header(&self, name: &str) -> Vec<&[u8]> {
        let lines = match name {
            "authorization" => self.authorization,
            "cookie" => self.cookie,
            "origin" => self.origin,
            _ => &[],
        };
        lines.to_vec()
    }

    fn changes_state(&self) -> bool {
        self.changes_state
    }
}

pub(crate) fn verdict(outcome: Result<Caller, AuthenticationError>) -> Verdict {
    match outcome {
        Ok(caller) => Ok(caller.user_id().to_string()),
        Err(AuthenticationError::Unauthenticated(reason)) => Err(reason),
        Err(AuthenticationError::Unavailable(_)) => Err(UNAVAILABLE),
    }
}

pub(crate) async fn caller(
    authenticator: &ClerkAuthenticator,
    token: &str,
) -> Result<Caller, AuthenticationError> {
    let line = format!("Bearer {token}");
    let credentials = Headers { authorization: &[line.as_bytes()], ..Headers::default() };
    authenticator.authenticate(&credentials).await
}

/// What becomes of a token in an `Authorization` header.
pub(crate) async fn bearer(authenticator: &ClerkAuthenticator, token: &str) -> Verdict {
    verdict(caller(authenticator, token).await)
}
