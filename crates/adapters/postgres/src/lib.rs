#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod batch;
mod connect;
mod database;
mod error;
mod forget;
mod get;
mod history;
mod idempotency;
mod import_export;
mod list;
mod list_query;
mod migrations;
mod pool;
mod prepared;
mod reader;
mod replica;
mod repository;
mod revision;
mod row;
mod schema;
mod server_state;
mod settings;
mod short_list;
#[cfg(test)]
mod tests;
mod write;

pub use database::PostgresDatabase;
pub use icp_postgres_connection::{InvalidTls, InvalidUrl};
pub use pool::PoolStatus;
pub use replica::PostgresReplica;
pub use settings::{Limits, PostgresSettings};
