//! Converts the errors of the drivers to errors of the port.

use std::time::Duration;

use diesel::result::DatabaseErrorKind::{
    ClosedConnection, ReadOnlyTransaction, SerializationFailure, UnableToSendCommand, UniqueViolation,
    Unknown,
};
use diesel::result::Error as DieselError;
use icp_ports::RepositoryError;

/// Converts the error of a statement. Diesel distinguishes eight kinds of errors. `Unknown` is every other SQLSTATE, such as
/// the one of a server that shuts down or has no resources left.
pub(crate) fn query_failed(error: DieselError) -> RepositoryError {
    match &error {
        DieselError::DatabaseError(_, message) if message.message().contains("prepared statement") => {
            RepositoryError::Unavailable(LostStatement(error).into())
        }
        _ if suspects_connection(&error) => RepositoryError::Unavailable(error.into()),
        _ => RepositoryError::Backend(error.into()),
    }
}

/// Returns true if the cause may be the connection or its server.
pub(crate) fn suspects_connection(error: &DieselError) -> bool {
    use DieselError::{BrokenTransactionManager, DatabaseError};
    matches!(
        error,
        DatabaseError(
            ClosedConnection | ReadOnlyTransaction | SerializationFailure | UnableToSendCommand | Unknown,
            _
        ) | BrokenTransactionManager
    )
}

/// Converts the error of a statement that stores ICPs. PostgreSQL names the ID in the detail of a unique violation:
/// `Key (id)=(…) already exists.`, in any language.
pub(crate) fn insert_failed(error: DieselError) -> RepositoryError {
    let DieselError::DatabaseError(UniqueViolation, detail) = &error else { return query_failed(error) };
    let id = detail.details().and_then(|detail| detail.split(['(', ')']).find_map(|part| part.parse().ok()));
    id.map_or_else(|| query_failed(error), RepositoryError::AlreadyExists)
}

/// A pooler lost a prepared statement.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database does not know a prepared statement: a pooler uses another session for each transaction. \
     Use its session mode, or PgBouncer 1.21 or newer with max_prepared_statements"
)]
struct LostStatement(#[source] DieselError);

/// A time limit was reached.
#[derive(Debug, thiserror::Error)]
#[error("no response from PostgreSQL within {0:?}")]
struct TimedOut(Duration);

pub(crate) fn timed_out(limit: Duration) -> RepositoryError {
    RepositoryError::Unavailable(TimedOut(limit).into())
}
