//! Middleware. Each middleware has one job. `server.rs` lists the middleware of all routes in order, and `routing.rs`
//! that of each resource.

mod anonymous;
mod authenticate;
pub(super) mod compression;
mod connection;
mod cors;
mod layer;
mod observe;
mod panics;
mod preferences;
mod problem_responses;
mod protect;
mod request_id;
mod unread_body;

pub(super) use anonymous::limit_anonymous;
pub(super) use authenticate::SignIn;
pub(super) use connection::ConnectionRules;
pub(super) use cors::{RestrictCorsHeaders, allow_origins};
pub(super) use layer::Layer;
pub(super) use observe::Observe;
pub(super) use panics::catch_panic;
pub(super) use preferences::StrictHandling;
pub(super) use problem_responses::ProblemResponses;
pub(super) use protect::protect;
pub(super) use request_id::RequestId;
pub(super) use unread_body::{BodyReadError, KeepUnreadBody, READ_LIMIT, RequestBody};
