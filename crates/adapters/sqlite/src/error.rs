//! From the driver's errors to the port's.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use icp_ports::RepositoryError;

/// A statement failed.
pub(crate) fn query_failed(error: DieselError) -> RepositoryError {
    match &error {
        // Another process holds the file for longer than the busy timeout.
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, information)
            if information.message().contains("locked") =>
        {
            RepositoryError::Unavailable(
                "another process is writing to the database, such as an import".into(),
            )
        }
        _ => RepositoryError::Backend(error.into()),
    }
}

/// The file could not be opened.
pub(crate) fn not_opened(error: diesel::ConnectionError) -> RepositoryError {
    RepositoryError::Unavailable(error.into())
}

/// A read did not come to its end: it panicked, or no thread could be started for it.
pub(crate) fn read_ended(dropped: tokio::sync::oneshot::error::RecvError) -> RepositoryError {
    RepositoryError::Backend(dropped.into())
}

/// A blocking task did not come to its end: it panicked, or the runtime is shutting down.
pub(crate) fn task_failed(error: tokio::task::JoinError) -> RepositoryError {
    RepositoryError::Backend(error.into())
}
