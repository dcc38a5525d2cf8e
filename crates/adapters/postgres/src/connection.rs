//! One connection for diesel.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use icp_ports::RepositoryError;
use tokio::runtime::Handle;
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
    /// Opens a connection, which is driven by `runtime`: it must outlive whoever happens to need the connection first.
    pub(crate) async fn open(config: &Config, runtime: &Handle) -> Result<Self, RepositoryError> {
        let config = config.clone();
        let ended = Arc::new(AtomicBool::new(false));
        let end = End(Arc::clone(&ended));
        // Its socket belongs to the runtime in which it is made.
        let connecting = runtime.spawn(async move {
            let (client, connection) = config.connect(NoTls).await.map_err(driver_failed)?;
            tokio::spawn(async move {
                let _end = end;
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection to PostgreSQL broke");
                }
            });
            Ok(client)
        });
        let connected = timeout(CONNECT_LIMIT, connecting).await.map_err(|_| timed_out(CONNECT_LIMIT))?;
        let client = connected.map_err(|error| RepositoryError::Unavailable(error.into()))??;
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

/// Says that a connection has ended, however its task did.
struct End(Arc<AtomicBool>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Deref for Connection {
    type Target = AsyncPgConnection;

    fn deref(&self) -> &AsyncPgConnection {
        &self.diesel
    }
}
