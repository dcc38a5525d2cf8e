//! Tests of the cost of statements, with PostgreSQL's plans.

mod explain;
mod get;
mod list;
mod server_state;
mod write;
