use async_trait::async_trait;

/// The state of a dependency of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// The dependency works.
    Ok,
    /// The dependency works with outdated data, such as a key set that could not be refreshed. An operator should act.
    Stale,
    /// The dependency does not work.
    Unavailable,
}

/// A dependency whose health can be checked.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// Returns the current health.
    ///
    /// An implementation MUST return within 3 seconds and MUST NOT return a cached result.
    async fn health(&self) -> Health;
}
