use async_trait::async_trait;

/// The state of a dependency of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It works.
    Ok,
    /// It works with outdated data, such as a key set that could not be refreshed. An operator should act.
    Stale,
    /// It does not work.
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
