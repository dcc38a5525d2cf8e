//! What is done now and then, without being asked.

use std::time::Duration;

use tokio::time::interval;

use crate::http::RateLimit;
use crate::icps::IcpService;

const INTERVAL: Duration = Duration::from_hours(1);

/// Removes old idempotency keys, and forgets who has not asked for long: at once, and then every hour. What fails is made up
/// for by the next round.
pub(crate) async fn run(icps: IcpService, rate_limit: Option<RateLimit>) {
    let mut rounds = interval(INTERVAL);
    loop {
        rounds.tick().await;
        rate_limit.iter().for_each(RateLimit::forget_idle);
        match icps.remove_expired_keys().await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "removed old idempotency keys"),
            Err(error) => tracing::warn!(%error, "old idempotency keys could not be removed"),
        }
    }
}
