//! Converts the errors of the driver to errors of the port.

use diesel::result::Error as DieselError;
use icp_ports::{BoxError, RepositoryError};

/// The messages of the error codes `SQLITE_BUSY` and `SQLITE_LOCKED`. Diesel reports only the messages, not the codes.
const BUSY_MESSAGES: [&str; 2] = ["database is locked", "database table is locked"];

/// An error of a port. Diesel's transactions require an error type that implements `From` for diesel's own error.
#[derive(Debug)]
pub(crate) struct TransactionError<E = RepositoryError>(pub(crate) E);

impl<E: From<RepositoryError>> From<RepositoryError> for TransactionError<E> {
    fn from(error: RepositoryError) -> Self {
        Self(error.into())
    }
}

impl<E: From<RepositoryError>> From<DieselError> for TransactionError<E> {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(_, busy) if BUSY_MESSAGES.contains(&busy.message()) => {
                unavailable("another process is writing to the database, such as an import").into()
            }
            _ => backend(error).into(),
        }
    }
}

pub(crate) fn unavailable(reason: impl Into<BoxError>) -> RepositoryError {
    RepositoryError::Unavailable(reason.into())
}

pub(crate) fn backend(reason: impl Into<BoxError>) -> RepositoryError {
    RepositoryError::Backend(reason.into())
}

/// Returns the error for an invalid value in the database. `row` identifies the row.
pub(crate) fn invalid_value(column: &str, row: impl std::fmt::Display) -> RepositoryError {
    backend(format!("invalid value in {column} of {row}"))
}
