//! A throwaway PostgreSQL: [`shared`] for the tests that need a database, [`Server`] for those that stop, kill
//! or freeze it.
//!
//! Starting, stopping and creating databases block for a moment, and may be called from inside async code all
//! the same.
//!
//! ```no_run
//! let database = icp_testkit::postgres::shared().database();
//! println!("{}", database.url());
//! ```

mod account;
mod binaries;
mod cluster;
mod database;
mod error;
mod guard;
mod pooler;
mod port;
mod postmaster;
mod processes;
mod random;
mod server;
mod shared;

pub use binaries::Binaries;
pub use database::Database;
pub use error::Error;
pub use pooler::Pooler;
pub use server::{Server, ServerOptions};
pub use shared::{DATABASE_URL_VARIABLE, Shared, shared};
