//! What surrounds handlers. Each middleware has one job; the server lists them in order.

mod authenticate;
pub(super) mod compression;
mod connection;
mod cors;
mod observe;
mod panics;
mod preferences;
mod problem_responses;
mod protect;
mod request_id;
mod unread_body;

pub(super) use authenticate::SignIn;
pub(super) use connection::follow_connection_rules;
pub(super) use cors::{allowing, hide_cors_from_others};
pub(super) use observe::observe;
pub(super) use panics::catch_panic;
pub(super) use preferences::StrictHandling;
pub(super) use problem_responses::problem_responses;
pub(super) use protect::protect;
pub(super) use request_id::RequestId;
pub(super) use unread_body::{READ_LIMIT, RequestBody, Unread, keep_unread_body};
