#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

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
mod proxy;
mod random;
mod server;
mod shared;

pub use binaries::Binaries;
pub use database::Database;
pub use error::Error;
pub use pooler::{PoolMode, Pooler};
pub use proxy::Proxy;
pub use server::{Server, ServerOptions};
pub use shared::{DATABASE_URL_VARIABLE, Shared, shared};
