//! Tests with third-party programs: generated clients, MCP clients, browsers, and linters of OpenAPI documents.
//! `cargo xtask test --all` installs these programs and runs the tests that need them. By default, these tests are
//! ignored.

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
