#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod connections;
mod copy;
mod database;
mod error;
mod migrations;
mod repository;
mod schema;
mod transfer;

pub use database::{InvalidUrl, PostgresDatabase, PostgresSettings};
