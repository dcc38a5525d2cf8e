//! Tests the compiled binary over real sockets and with real databases.

mod assistants;
mod connections;
mod description;
pub(crate) mod encryption;
mod errors;
mod first_start;
mod hostile_clients;
mod lists;
mod load;
mod logs;
mod metrics;
mod oauth;
mod outages;
mod pages;
mod pages_of_docs;
mod settings;
mod shutdown;
mod sign_in;
mod smuggling;
mod traces;
mod transfers;
