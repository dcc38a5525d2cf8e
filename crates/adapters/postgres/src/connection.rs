//! One connection for diesel.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use icp_ports::RepositoryError;
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls};

use crate::error::{driver_failed, timed_out};

/// For connecting, until the server has taken the session.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// A connection that knows when it has ended.
pub(crate) struct Connection {
    diesel: AsyncPgConnection,
    ended: Arc<AtomicBool>,
}

impl Connection {
    pub(crate) async fn open(config: &Config) -> Result<Self, RepositoryError> {
        timeout(CONNECT_LIMIT, Self::connect(config)).await.unwrap_or_else(|_| Err(timed_out(CONNECT_LIMIT)))
    }

    async fn connect(config: &Config) -> Result<Self, RepositoryError> {
        let (client, connection) = config.connect(NoTls).await.map_err(driver_failed)?;
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL broke");
            }
            end.store(true, Ordering::Release);
        });
        let diesel = AsyncPgConnection::try_from(client).await;
        Ok(Self { diesel: diesel.map_err(|error| RepositoryError::Unavailable(error.into()))?, ended })
    }

    /// Whether the other side has closed it: nothing that is sent now would arrive.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Diesel's connection alone.
    pub(crate) fn into_diesel(self) -> AsyncPgConnection {
        self.diesel
    }
}

impl Deref for Connection {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.diesel
    }
}
