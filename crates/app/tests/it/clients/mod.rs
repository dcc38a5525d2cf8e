//! The service as other people's programs meet it: clients generated from its description, assistants, browsers, and the
//! tools that check descriptions. `cargo xtask test --all` installs them and runs these tests; they are ignored otherwise.

mod assistant;
mod authorization_server;
mod browser;
mod conformance;
mod guide;
mod oauth;
mod python;
mod stage;
mod tools;
mod typescript;
mod unreliable;
