//! Converts Diesel's errors and timeouts to errors of the port.

use std::time::Duration;

use diesel::result::DatabaseErrorKind::{
    ClosedConnection, ReadOnlyTransaction, SerializationFailure, UnableToSendCommand, UniqueViolation,
    Unknown,
};
use diesel::result::Error as DieselError;
use icp_ports::RepositoryError;

/// Converts the error of a statement.
pub(crate) fn query_failed(error: DieselError) -> RepositoryError {
    match &error {
        DieselError::DatabaseError(_, message) if message.message().contains("prepared statement") => {
            RepositoryError::Unavailable(LostPreparedStatement(error).into())
        }
        _ if suspects_connection(&error) => RepositoryError::Unavailable(error.into()),
        _ => RepositoryError::Backend(error.into()),
    }
}

/// Returns true if the cause of the error may be the connection or its server. `Unknown` counts, because Diesel has no
/// kind of its own for errors such as a shutdown or a lack of resources.
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

/// Converts the error of a statement that stores ICPs. The detail of a unique violation contains the ID:
/// `Key (id)=(…) already exists.` The ID is in parentheses in every language of PostgreSQL.
pub(crate) fn insert_failed(error: DieselError) -> RepositoryError {
    let DieselError::DatabaseError(UniqueViolation, detail) = &error else { return query_failed(error) };
    let id = detail.details().and_then(|detail| detail.split(['(', ')']).find_map(|part| part.parse().ok()));
    id.map_or_else(|| query_failed(error), RepositoryError::AlreadyExists)
}

/// A pooler sent a statement to a session that has not prepared it, or that has another statement with its name.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database session does not know a prepared statement, or has another one with its name, because a pooler uses \
     another session for each transaction. Use the session mode of the pooler, or PgBouncer 1.21 or newer with \
     max_prepared_statements"
)]
struct LostPreparedStatement(#[source] DieselError);

/// PostgreSQL did not respond within a timeout.
#[derive(Debug, thiserror::Error)]
#[error("no response from PostgreSQL within {0:?}")]
struct TimedOut(Duration);

pub(crate) fn timed_out(limit: Duration) -> RepositoryError {
    RepositoryError::Unavailable(TimedOut(limit).into())
}
