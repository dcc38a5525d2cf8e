#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod connect;
mod database;
mod error;
mod forget;
mod history;
mod idempotency;
mod import_export;
mod list;
mod list_query;
mod migrations;
mod pool;
mod quota;
mod reader;
mod repository;
mod revision;
mod schema;
#[cfg(test)]
mod tests;
mod write;

pub use database::{OpenError, SqliteDatabase, SqliteSettings};
