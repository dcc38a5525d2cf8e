//! Tests of what statements cost, by PostgreSQL's plans.

mod explain;
mod get;
mod list;
mod server_state;
mod write;
