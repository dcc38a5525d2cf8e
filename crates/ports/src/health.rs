use async_trait::async_trait;

/// The state of something that the service depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It works.
    Ok,
    /// It works with what it has, and an operator should look: a key set that could not be refreshed.
    Stale,
    /// It does not work.
    Unavailable,
}

/// A dependency whose health can be checked.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// Returns the current health.
    ///
    /// An implementation MUST answer within 3 seconds and MUST NOT return an earlier answer.
    async fn health(&self) -> Health;
}
