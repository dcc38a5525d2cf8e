//! Stand-ins for ports, for tests of what stands on them.

use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use icp_domain::{Caller, Timestamp, UserId};
use icp_ports::{AuthenticationError, Authenticator, Clock, Credentials, Health, HealthCheck};

/// A clock that moves when it is told to.
#[derive(Debug)]
pub struct FakeClock(AtomicI64);

impl FakeClock {
    /// A clock that shows `time`.
    pub fn at(time: Timestamp) -> Self {
        Self(AtomicI64::new(time.unix_millis()))
    }

    /// Moves it, backwards when negative.
    pub fn advance_millis(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}

/// Believes every `Bearer` token: it is the id of the user, and `admin:` before it makes an admin.
#[derive(Clone, Copy, Debug, Default)]
pub struct CredulousAuthenticator;

#[async_trait]
impl Authenticator for CredulousAuthenticator {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Caller, AuthenticationError> {
        let [line] = credentials.authorization else {
            return Err(AuthenticationError::Unauthenticated("no_token"));
        };
        let token = line.strip_prefix(b"Bearer ").and_then(|token| std::str::from_utf8(token).ok());
        let caller = match token.map(|token| (token, token.strip_prefix("admin:"))) {
            Some((_, Some(admin))) => UserId::try_from(admin).map(Caller::admin),
            Some((user, None)) => UserId::try_from(user).map(Caller::user),
            None => return Err(AuthenticationError::Unauthenticated("malformed_token")),
        };
        caller.map_err(|_| AuthenticationError::Unauthenticated("no_subject"))
    }
}

#[async_trait]
impl HealthCheck for CredulousAuthenticator {
    async fn health(&self) -> Health {
        Health::Ok
    }
}
