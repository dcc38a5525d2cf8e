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

/// A number by which operators see how something is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// Its name in the style of Prometheus: `snake_case`, with the unit at its end (`_seconds`, `_bytes`), and without the
    /// `_total` of a counter. Measurements that differ in their labels alone share it.
    pub name: &'static str,
    /// What it says, in a sentence without a full stop.
    pub help: &'static str,
    /// What tells it from others of its name.
    pub labels: &'static [(&'static str, &'static str)],
    /// The number.
    pub value: Measured,
}

/// The number of a [`Measurement`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measured {
    /// It goes up and down.
    Gauge(f64),
    /// It only grows, from 0 at the start of the process.
    Counter(u64),
}

/// Something whose health can be asked for.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// How it is doing at this moment.
    ///
    /// An implementation MUST answer within 3 seconds, whatever has happened to what it watches, and MUST not
    /// remember an earlier answer.
    async fn health(&self) -> Health;

    /// What it can say of itself in numbers. An implementation MUST answer at once, from memory.
    fn measurements(&self) -> Vec<Measurement> {
        Vec::new()
    }
}
