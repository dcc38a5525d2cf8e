use std::sync::OnceLock;

use super::database::with_database;
use super::{Database, Error, Server};

/// Names a running server whose role may create databases; a throwaway one is started where it is not set.
pub const DATABASE_URL_VARIABLE: &str = "ICP_TEST_DATABASE_URL";

/// The server that the tests of this process share.
#[derive(Debug)]
pub struct Shared {
    admin: String,
    _throwaway: Option<Server>,
}

/// The process's server, started on first use.
///
/// # Panics
/// When there is none to be had: a test that needs PostgreSQL does not pass by not running. The message says
/// what to install.
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

    /// Creates an empty database, gone when it is dropped.
    ///
    /// # Panics
    /// When the server does not give one.
    #[track_caller]
    pub fn database(&self) -> Database {
        Database::create(&self.admin).unwrap_or_else(|error| fail(&error))
    }

    /// The URL of the database that new ones are created from.
    pub fn admin_url(&self) -> &str {
        &self.admin
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "a test without its database must fail, and say why in one line")]
fn fail(error: &Error) -> ! {
    panic!("{error}")
}
