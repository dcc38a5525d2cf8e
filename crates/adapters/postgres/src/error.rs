//! From the drivers' errors to the port's.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use icp_ports::RepositoryError;
use tokio_postgres::error::SqlState;

/// A statement through diesel failed.
pub(crate) fn query_failed(error: DieselError) -> RepositoryError {
    if connection_is_suspect(&error) {
        RepositoryError::Unavailable(error.into())
    } else {
        RepositoryError::Backend(error.into())
    }
}

/// Whether the connection may be the reason, or its server: one that has become a standby takes no writes. Diesel keeps no SQLSTATE, so a server that is shutting down (57P01) looks
/// like anything else that has no kind of its own; a new connection then costs little.
pub(crate) fn connection_is_suspect(error: &DieselError) -> bool {
    use DatabaseErrorKind::{ClosedConnection, ReadOnlyTransaction, UnableToSendCommand, Unknown};
    matches!(
        error,
        DieselError::DatabaseError(ClosedConnection | ReadOnlyTransaction | UnableToSendCommand | Unknown, _)
    )
}

/// A statement, or the connection, failed in the driver below diesel.
pub(crate) fn driver_failed(error: tokio_postgres::Error) -> RepositoryError {
    match error.code() {
        Some(code) if !is_outage(code) => RepositoryError::Backend(error.into()),
        _ => RepositoryError::Unavailable(error.into()),
    }
}

/// Connection exceptions (08), insufficient resources (53) and operator intervention (57): PostgreSQL's appendix A.
fn is_outage(code: &SqlState) -> bool {
    ["08", "53", "57"].iter().any(|class| code.code().starts_with(class))
}

/// A time limit was reached.
#[derive(Debug, thiserror::Error)]
#[error("no answer from PostgreSQL within {0} seconds")]
pub(crate) struct TimedOut(pub(crate) u64);

pub(crate) fn timed_out(limit: std::time::Duration) -> RepositoryError {
    RepositoryError::Unavailable(TimedOut(limit.as_secs()).into())
}
