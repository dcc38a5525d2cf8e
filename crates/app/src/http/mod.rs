//! The HTTP API. Handlers call the use cases, never a repository.

mod body;
mod certificate;
mod connections;
mod docs;
pub(crate) mod error;
mod etag;
pub(crate) mod extract;
mod history;
mod icps;
mod limits;
mod list_body;
mod mcp;
mod middleware;
mod protected_resource;
mod routing;
mod server;
mod state;
mod static_file;
mod system;
#[cfg(test)]
mod tests;

pub(crate) use certificate::Certificate;
pub(crate) use limits::{Concurrency, RateLimit};
pub(crate) use mcp::Mcp;
pub(crate) use protected_resource::ProtectedResource;
pub(crate) use server::{HttpServer, Options};
pub(crate) use state::State;
pub(crate) use system::HealthChecks;
