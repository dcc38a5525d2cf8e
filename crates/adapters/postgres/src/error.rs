//! From the drivers' errors to the port's.

use diesel::result::Error as DieselError;
use icp_ports::RepositoryError;
use tokio_postgres::error::SqlState;

/// A query was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    /// Diesel could not put it together.
    #[error(transparent)]
    Diesel(#[from] DieselError),
    /// The driver or the server failed.
    #[error(transparent)]
    Driver(#[from] tokio_postgres::Error),
}

impl QueryError {
    /// Whether the connection may be the reason, or its server: one that has become a standby takes no writes.
    pub(crate) fn suspects_connection(&self) -> bool {
        match self {
            Self::Diesel(_) => false,
            Self::Driver(error) => {
                let code = error.code();
                code.is_none_or(|code| is_outage(code) && !takes_too_long(code) || loses_statements(code))
            }
        }
    }
}

impl From<QueryError> for RepositoryError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Diesel(error) => diesel_failed(error),
            QueryError::Driver(error) => driver_failed(error),
        }
    }
}

/// Whether the server has become one that takes no writes.
pub(crate) fn takes_no_writes(error: &RepositoryError) -> bool {
    let RepositoryError::Unavailable(source) = error else { return false };
    let driver = source.downcast_ref::<tokio_postgres::Error>();
    driver.and_then(tokio_postgres::Error::code) == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}

/// Diesel failed, or something below it. It keeps no SQLSTATE.
pub(crate) fn diesel_failed(error: DieselError) -> RepositoryError {
    use diesel::result::DatabaseErrorKind::{
        ClosedConnection, ReadOnlyTransaction, UnableToSendCommand, Unknown,
    };
    match error {
        DieselError::DatabaseError(
            ClosedConnection | ReadOnlyTransaction | UnableToSendCommand | Unknown,
            _,
        ) => RepositoryError::Unavailable(error.into()),
        _ => RepositoryError::Backend(error.into()),
    }
}

/// The driver failed, or the server.
pub(crate) fn driver_failed(error: tokio_postgres::Error) -> RepositoryError {
    match error.code() {
        Some(code) if loses_statements(code) => RepositoryError::Unavailable(LostStatement(error).into()),
        Some(code) if !is_outage(code) => RepositoryError::Backend(error.into()),
        _ => RepositoryError::Unavailable(error.into()),
    }
}

/// Connection exceptions (08), insufficient resources (53), operator intervention (57), a server that takes no writes, and
/// what takes too long: PostgreSQL's appendix A.
fn is_outage(code: &SqlState) -> bool {
    *code == SqlState::READ_ONLY_SQL_TRANSACTION
        || takes_too_long(code)
        || ["08", "53", "57"].iter().any(|class| code.code().starts_with(class))
}

/// Whether a time limit of the session has ended a statement, after which the connection is as good as before.
fn takes_too_long(code: &SqlState) -> bool {
    [SqlState::LOCK_NOT_AVAILABLE, SqlState::QUERY_CANCELED].contains(code)
}

/// Whether a statement was prepared and is not there, is there and was not prepared, or is another than the one that was
/// meant, and so takes other values.
fn loses_statements(code: &SqlState) -> bool {
    [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT, SqlState::PROTOCOL_VIOLATION]
        .contains(code)
}

/// Statements do not stay where they were prepared.
#[derive(Debug, thiserror::Error)]
#[error(
    "a prepared statement went astray: a pooler that gives each transaction another session stands in between; do without \
     prepared statements (ICP__DATABASE__PREPARED_STATEMENTS=false)"
)]
struct LostStatement(#[source] tokio_postgres::Error);

/// A time limit was reached.
#[derive(Debug, thiserror::Error)]
#[error("no answer from PostgreSQL within {0:?}")]
pub(crate) struct TimedOut(std::time::Duration);

pub(crate) fn timed_out(limit: std::time::Duration) -> RepositoryError {
    RepositoryError::Unavailable(TimedOut(limit).into())
}
