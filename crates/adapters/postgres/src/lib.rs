#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod backfill;
mod connection;
mod connections;
mod copy;
mod database;
mod error;
#[cfg(test)]
mod explain;
mod lanes;
mod list;
mod migrations;
mod repository;
mod schema;
mod statements;
mod transfer;
mod used_keys;

pub use database::{InvalidUrl, PostgresDatabase, PostgresSettings};
