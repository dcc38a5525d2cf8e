//! Programs of others: clients generated from the OpenAPI document, assistants, browsers, and linters of OpenAPI
//! documents. `cargo xtask test --all` installs them and runs these tests; they are ignored otherwise.

mod api_description;
mod assistant;
mod authorization_server;
mod browser;
mod guide;
mod oauth;
mod python;
mod stage;
mod tools;
mod typescript;
mod unreliable;
