use std::time::Duration;

/// Time limits on the way to the database. [`Limits::default`] keeps the promises of the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For connecting to one host, until the server has taken the session.
    pub connect: Duration,
    /// For a read with all its repetitions, and for a write; the server, too, gives up after it.
    pub statement: Duration,
    /// For getting a turn on a connection. Whoever gets none is refused, so that those who do are served in time.
    pub acquire: Duration,
    /// How old a connection may become. A new one finds what has changed meanwhile: addresses, passwords, certificates.
    pub connection_lifetime: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            statement: Duration::from_secs(4),
            acquire: Duration::from_millis(500),
            connection_lifetime: Duration::from_mins(30),
        }
    }
}
