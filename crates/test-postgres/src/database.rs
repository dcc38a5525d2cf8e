use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_postgres::NoTls;
use url::Url;

use super::{Error, random};

const CREATE_TIMEOUT: Duration = Duration::from_mins(1);
/// Timeout of `DROP DATABASE`. It is short, because the server can be stopped or frozen when a test ends.
const DROP_TIMEOUT: Duration = Duration::from_secs(5);

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// An empty database with a unique name. When this value is dropped, the database is dropped, too, if the server
/// responds.
#[derive(Debug)]
pub struct Database {
    admin_url: String,
    name: String,
    url: String,
}

impl Database {
    pub(super) fn create(admin_url: &str) -> Result<Self, Error> {
        let name = unique_name();
        let url = with_database(admin_url, &name)?;
        // `template0` is copied, because no client can connect to it. `template1` cannot be copied while it has
        // connections.
        let statement = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        execute(admin_url, statement, CREATE_TIMEOUT).map_err(Error::during("creating a database"))?;
        Ok(Self { admin_url: admin_url.to_owned(), name, url })
    }

    /// Returns the URL of the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Database {
    /// Drops the database. The second attempt is for databases that are compatible with PostgreSQL, but do not
    /// support `FORCE`.
    fn drop(&mut self) {
        let name = &self.name;
        if execute(&self.admin_url, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), DROP_TIMEOUT)
            .is_err()
        {
            let _ = execute(&self.admin_url, format!("DROP DATABASE IF EXISTS {name}"), DROP_TIMEOUT);
        }
    }
}

fn unique_name() -> String {
    let counter = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("test_{}_{counter}_{:08x}", std::process::id(), random::number() >> 32)
}

pub(super) fn with_database(admin_url: &str, name: &str) -> Result<String, Error> {
    let mut url =
        Url::parse(admin_url).map_err(Error::during("the database URL is not of the form postgres://..."))?;
    url.set_path(name);
    Ok(url.into())
}

/// Runs a statement in a separate thread and runtime, so that it works inside and outside async code.
pub(super) fn execute(url: &str, statement: String, limit: Duration) -> Result<(), Error> {
    let url = url.to_owned();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime
            .map_err(Error::during("starting a runtime"))?
            .block_on(with_timeout(limit, run(&url, &statement)))
    });
    thread.join().map_err(|_| Error::new("the thread of the statement panicked"))?
}

async fn with_timeout<T>(limit: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let timed_out = |_| Error::new(format!("no response within {} seconds", limit.as_secs()));
    tokio::time::timeout(limit, work).await.map_err(timed_out)?
}

async fn run(url: &str, statement: &str) -> Result<(), Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(with_cause)?;
    let connection = tokio::spawn(connection);
    client.batch_execute(statement).await.map_err(with_cause)?;
    drop(client);
    let _ = connection.await;
    Ok(())
}

/// Adds the cause of an error, which the message of the driver does not contain.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes the error by value")]
fn with_cause(error: tokio_postgres::Error) -> Error {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Error::new(format!("{error}{cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_names_are_unique() {
        assert_ne!(unique_name(), unique_name());
    }

    #[test]
    fn database_name_in_url_is_replaced() {
        let url = with_database("postgres://me:p%40ss@db:5433/postgres?application_name=x", "one").unwrap();
        assert_eq!(url, "postgres://me:p%40ss@db:5433/one?application_name=x");
        assert!(with_database("host=db user=me", "one").is_err());
    }
}
