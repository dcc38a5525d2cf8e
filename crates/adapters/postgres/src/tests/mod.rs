//! Tests how many pages the statements read, and when server states differ.

mod explain;
mod get;
mod list;
mod server_state;
mod write;
