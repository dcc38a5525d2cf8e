#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod backfill;
mod connections;
mod data_version;
mod database;
mod error;
mod list;
mod migrations;
mod readers;
mod repository;
mod rows;
mod schema;
mod transfer;
mod used_keys;

pub use database::{OpenError, SqliteDatabase, SqliteSettings};
