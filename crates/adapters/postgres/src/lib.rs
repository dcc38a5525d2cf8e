#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod backfill;
mod binds;
mod connection;
mod connections;
mod connector;
mod copy;
mod database;
mod error;
#[cfg(test)]
mod explain;
mod gathered;
mod gathering;
mod lanes;
mod limits;
mod list;
mod long_lists;
mod migrations;
mod pace;
mod probing;
mod replica;
mod repository;
mod schema;
mod shared_error;
mod snapshots;
mod statements;
mod tls;
mod transfer;
mod url;
mod used_keys;
mod within;

pub use database::{PostgresDatabase, PostgresSettings};
pub use limits::Limits;
pub use replica::PostgresReplica;
pub use tls::InvalidTls;
pub use url::InvalidUrl;
