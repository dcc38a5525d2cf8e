//! What is done now and then, without being asked.

use std::time::Duration;

use tokio::time::interval;

use crate::icps::IcpService;

const INTERVAL: Duration = Duration::from_hours(1);

/// Removes old idempotency keys: at once, and then every hour. One that fails is made up for by the next.
pub(crate) async fn run(icps: IcpService) {
    let mut rounds = interval(INTERVAL);
    loop {
        rounds.tick().await;
        match icps.remove_expired_keys().await {
            Ok(0) => {}
            Ok(removed) => tracing::debug!(removed, "removed old idempotency keys"),
            Err(error) => tracing::warn!(%error, "old idempotency keys could not be removed"),
        }
    }
}
