//! Fake implementations of ports, for tests of code that calls these ports.

use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use icp_domain::{Caller, Timestamp, UserId};
use icp_ports::{AuthenticationError, Authenticator, Clock, Credentials, Health, HealthCheck};

/// A clock that shows the time that a test sets.
///
/// ```
/// use icp_domain::Timestamp;
/// use icp_ports::Clock as _;
/// use icp_testkit::fakes::FakeClock;
///
/// let clock = FakeClock::at(Timestamp::UNIX_EPOCH);
/// clock.advance_millis(1_500);
/// assert_eq!(clock.now().to_string(), "1970-01-01T00:00:01.500Z");
/// ```
#[derive(Debug)]
pub struct FakeClock(AtomicI64);

impl FakeClock {
    /// Creates a clock that shows `time`.
    pub fn at(time: Timestamp) -> Self {
        Self(AtomicI64::new(time.unix_millis()))
    }

    /// Advances the clock. A negative number sets the clock back. The clock stops at [`Timestamp::MIN`] and
    /// [`Timestamp::MAX`].
    pub fn advance_millis(&self, milliseconds: i64) {
        let advance = |time: i64| {
            let [first, last] = [Timestamp::MIN, Timestamp::MAX].map(Timestamp::unix_millis);
            time.saturating_add(milliseconds).clamp(first, last)
        };
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |time| Some(advance(time)));
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}

/// The credentials of a request, from a list of header lines.
///
/// ```
/// use icp_ports::Credentials as _;
/// use icp_testkit::fakes::FakeCredentials;
///
/// let credentials = FakeCredentials::default().with_header("authorization", "Bearer user_ada");
/// assert_eq!(credentials.header("authorization"), [b"Bearer user_ada"]);
/// assert!(!credentials.changes_state());
/// ```
#[derive(Clone, Debug, Default)]
pub struct FakeCredentials {
    lines: Vec<(String, Vec<u8>)>,
    changes_state: bool,
}

impl FakeCredentials {
    /// Adds a header line. `name` must be in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.lines.push((name.to_owned(), value.into()));
        self
    }

    /// Marks the request as a request that changes state, such as a POST.
    #[must_use]
    pub fn changing_state(self) -> Self {
        Self { changes_state: true, ..self }
    }
}

impl Credentials for FakeCredentials {
    fn header(&self, name: &str) -> Vec<&[u8]> {
        let lines = self.lines.iter().filter(|(line, _)| line == name);
        lines.map(|(_, value)| value.as_slice()).collect()
    }

    fn changes_state(&self) -> bool {
        self.changes_state
    }
}

/// An authenticator that accepts every user ID as a `Bearer` token. The prefix `admin:` marks the user as an admin.
#[derive(Clone, Copy, Debug, Default)]
pub struct FakeAuthenticator;

#[async_trait]
impl Authenticator for FakeAuthenticator {
    async fn authenticate(&self, credentials: &dyn Credentials) -> Result<Caller, AuthenticationError> {
        let lines = credentials.header("authorization");
        let [line] = lines.as_slice() else {
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
impl HealthCheck for FakeAuthenticator {
    async fn health(&self) -> Health {
        Health::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_stops_at_first_and_last_time() {
        let clock = FakeClock::at(Timestamp::UNIX_EPOCH);
        clock.advance_millis(i64::MIN);
        assert_eq!(clock.now(), Timestamp::MIN);
        clock.advance_millis(1);
        assert_eq!(clock.now(), Timestamp::MIN.next());
        clock.advance_millis(i64::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
