//! Converts the errors of the driver to errors of the port.

use diesel::result::Error as DieselError;
use icp_ports::{BoxError, RepositoryError};

/// The messages of `SQLITE_BUSY` and `SQLITE_LOCKED`. Diesel does not report the codes.
const BUSY_MESSAGES: [&str; 2] = ["database is locked", "database table is locked"];

/// An error of the port, with the conversion from diesel's error that diesel's transactions require.
#[derive(Debug)]
pub(crate) struct Failure<E = RepositoryError>(pub(crate) E);

impl<E: From<RepositoryError>> From<RepositoryError> for Failure<E> {
    fn from(error: RepositoryError) -> Self {
        Self(error.into())
    }
}

impl<E: From<RepositoryError>> From<DieselError> for Failure<E> {
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

/// Returns the error of an invalid stored value.
pub(crate) fn bad_value(column: &str, row: impl std::fmt::Display) -> RepositoryError {
    backend(format!("invalid value in {column} of {row}"))
}
