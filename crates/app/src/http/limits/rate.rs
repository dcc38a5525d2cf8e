use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use governor::RateLimiter;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use icp_domain::{Caller, UserId};

use crate::http::error::ApiError;

const WINDOW: Duration = Duration::from_mins(1);

type Limiter = RateLimiter<UserId, DefaultKeyedStateStore<UserId>, DefaultClock, StateInformationMiddleware>;

/// A quota of requests per minute for each user (draft-ietf-httpapi-ratelimit-headers). A user may use up the quota in
/// one burst. Each instance of the service counts separately.
#[derive(Clone)]
pub(crate) struct RateLimit {
    limiter: Arc<Limiter>,
    per_minute: NonZeroU32,
}

impl std::fmt::Debug for RateLimit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RateLimit").field("per_minute", &self.per_minute).finish_non_exhaustive()
    }
}

/// The state of a user's quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    per_minute: u32,
    remaining: u32,
    /// The time until the full quota is available again. For a rejected request, the time until the next request is
    /// allowed.
    wait: Duration,
}

impl RateLimit {
    pub(crate) fn new(requests_per_minute: NonZeroU32) -> Self {
        let limiter = RateLimiter::keyed(governor::Quota::per_minute(requests_per_minute));
        Self { limiter: Arc::new(limiter.with_middleware()), per_minute: requests_per_minute }
    }

    /// Counts a request of a user, and returns the state of the user's quota.
    ///
    /// # Errors
    ///
    /// If the quota is used up.
    pub(in crate::http) fn count(&self, caller: &Caller) -> Result<Quota, ApiError> {
        let per_minute = self.per_minute.get();
        match self.limiter.check_key(caller.user_id()) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let used = per_minute.saturating_sub(remaining);
                let wait = WINDOW.mul_f64(f64::from(used) / f64::from(per_minute));
                Ok(Quota { per_minute, remaining, wait })
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                Err(ApiError::TooManyRequests(Quota { per_minute, remaining: 0, wait }))
            }
        }
    }

    /// Removes the users whose full quota is available again.
    pub(crate) fn remove_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

impl Quota {
    /// Returns the time to wait in seconds, rounded up.
    pub(in crate::http) fn wait_seconds(self) -> u64 {
        self.wait.as_secs() + u64::from(self.wait.subsec_nanos() > 0)
    }

    pub(in crate::http) fn insert_headers(self, headers: &mut HeaderMap) {
        let policy = format!(r#""user";q={};w={}"#, self.per_minute, WINDOW.as_secs());
        let state = format!(r#""user";r={};t={}"#, self.remaining, self.wait_seconds());
        for (name, text) in [("ratelimit-policy", policy), ("ratelimit", state)] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}
