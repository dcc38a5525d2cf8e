//! How much one user may ask, where that is limited (draft-ietf-httpapi-ratelimit-headers).

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use icp_domain::{Caller, UserId};

const WINDOW: Duration = Duration::from_mins(1);

type Limiter = RateLimiter<UserId, DefaultKeyedStateStore<UserId>, DefaultClock, StateInformationMiddleware>;

/// So many requests a minute for each user, all at once if they like. Each instance counts for itself.
#[derive(Clone)]
pub(crate) struct RateLimit {
    limiter: Arc<Limiter>,
    quota: NonZeroU32,
}

impl std::fmt::Debug for RateLimit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RateLimit").field("quota", &self.quota).finish_non_exhaustive()
    }
}

/// What a user has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    quota: u32,
    remaining: u32,
    /// Until there is more.
    wait: Duration,
}

impl RateLimit {
    pub(crate) fn new(requests_per_minute: NonZeroU32) -> Self {
        let limiter = RateLimiter::keyed(Quota::per_minute(requests_per_minute));
        Self { limiter: Arc::new(limiter.with_middleware()), quota: requests_per_minute }
    }

    /// Counts a request. The error is the allowance of a user who has sent too many.
    pub(super) fn count(&self, caller: &Caller) -> Result<Allowance, Allowance> {
        let quota = self.quota.get();
        match self.limiter.check_key(caller.user_id()) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let used = quota.saturating_sub(remaining);
                Ok(Allowance { quota, remaining, wait: WINDOW.mul_f64(f64::from(used) / f64::from(quota)) })
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                Err(Allowance { quota, remaining: 0, wait })
            }
        }
    }

    /// Forgets those who have all of their allowance again.
    pub(crate) fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

impl Allowance {
    /// In whole seconds, and never too early.
    pub(super) fn wait_seconds(self) -> u64 {
        self.wait.as_secs() + u64::from(self.wait.subsec_nanos() > 0)
    }

    pub(super) fn insert_headers(self, headers: &mut HeaderMap) {
        let policy = format!(r#""user";q={};w={}"#, self.quota, WINDOW.as_secs());
        let state = format!(r#""user";r={};t={}"#, self.remaining, self.wait_seconds());
        for (name, text) in [("ratelimit-policy", policy), ("ratelimit", state)] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}
