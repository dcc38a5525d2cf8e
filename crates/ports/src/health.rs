use async_trait::async_trait;

/// How something that the service leans on is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It works.
    Ok,
    /// It serves on with what it has, and needs somebody's attention: a key set that could not be refreshed.
    Stale,
    /// It does not work.
    Unavailable,
}

/// Something whose health can be asked for.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// How it is doing at this moment.
    ///
    /// An implementation MUST answer within 3 seconds, whatever has happened to what it watches, and MUST not
    /// remember an earlier answer.
    async fn health(&self) -> Health;
}
