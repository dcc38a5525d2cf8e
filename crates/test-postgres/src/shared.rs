use std::sync::OnceLock;

use super::database::with_database;
use super::{Database, Error, Server};

/// The environment variable with the URL of a running server, whose role can create databases. Without it, a throwaway
/// server is started.
pub const DATABASE_URL_VARIABLE: &str = "ICP_TEST_DATABASE_URL";

/// The server that the tests of this process share.
#[derive(Debug)]
pub struct Shared {
    admin: String,
    _throwaway: Option<Server>,
}

/// Returns the server that the tests of this process share. Starts it on first use.
///
/// # Panics
///
/// If there is no PostgreSQL: a test that needs one does not pass without it. The message names the package to install.
#[track_caller]
pub fn shared() -> &'static Shared {
    static SHARED: OnceLock<Result<Shared, Error>> = OnceLock::new();
    SHARED.get_or_init(Shared::find).as_ref().unwrap_or_else(|error| fail(error))
}

impl Shared {
    fn find() -> Result<Self, Error> {
        if let Some(admin) = std::env::var(DATABASE_URL_VARIABLE).ok().filter(|url| !url.is_empty()) {
            with_database(&admin, "postgres").map_err(Error::during(DATABASE_URL_VARIABLE))?;
            return Ok(Self { admin, _throwaway: None });
        }
        let server = Server::start()?;
        Ok(Self { admin: server.url("postgres"), _throwaway: Some(server) })
    }

    /// Creates an empty database. It is dropped with the returned value.
    ///
    /// # Panics
    ///
    /// If the server does not create it.
    #[track_caller]
    pub fn database(&self) -> Database {
        Database::create(&self.admin).unwrap_or_else(|error| fail(&error))
    }

    /// The URL of the database through which others are created.
    pub fn admin_url(&self) -> &str {
        &self.admin
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "a test without its database must fail with the reason")]
fn fail(error: &Error) -> ! {
    panic!("{error}")
}
