use std::sync::OnceLock;

use super::database::with_database;
use super::{Database, Error, Server};

/// The environment variable with the URL of a running server. The role in the URL must be allowed to create
/// databases. Without the variable, a temporary server is started.
pub const DATABASE_URL_VARIABLE: &str = "ICP_TEST_DATABASE_URL";

/// The server that the tests of this process share.
#[derive(Debug)]
pub struct Shared {
    admin_url: String,
    _temporary_server: Option<Server>,
}

/// Returns the server that the tests of this process share. The first call starts the server, unless
/// [`DATABASE_URL_VARIABLE`] is set.
///
/// # Panics
///
/// If PostgreSQL is not installed or does not start, or if the URL in [`DATABASE_URL_VARIABLE`] is invalid. A test that
/// needs PostgreSQL must not pass without it. If PostgreSQL is not installed, the message names the package to install.
#[track_caller]
pub fn shared() -> &'static Shared {
    static SHARED: OnceLock<Result<Shared, Error>> = OnceLock::new();
    SHARED.get_or_init(Shared::find).as_ref().unwrap_or_else(|error| fail(error))
}

impl Shared {
    fn find() -> Result<Self, Error> {
        if let Some(admin_url) = std::env::var(DATABASE_URL_VARIABLE).ok().filter(|url| !url.is_empty()) {
            with_database(&admin_url, "postgres").map_err(Error::during(DATABASE_URL_VARIABLE))?;
            return Ok(Self { admin_url, _temporary_server: None });
        }
        let server = Server::start()?;
        Ok(Self { admin_url: server.url("postgres"), _temporary_server: Some(server) })
    }

    /// Creates an empty database. The database is dropped when the returned value is dropped.
    ///
    /// # Panics
    ///
    /// If the server does not create the database.
    #[track_caller]
    pub fn database(&self) -> Database {
        Database::create(&self.admin_url).unwrap_or_else(|error| fail(&error))
    }

    /// Returns the URL of the database with which other databases are created.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "a test must fail if its database cannot be created")]
fn fail(error: &Error) -> ! {
    panic!("{error}")
}
