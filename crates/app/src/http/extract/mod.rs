//! Extractors of handlers.

mod current_user;
mod icp_id;
mod idempotency_key;
mod inputs;
mod json_body;
mod list_query;
pub(crate) mod parameters;
mod preconditions;

pub(super) use current_user::CurrentUser;
pub(super) use icp_id::{IdInPath, UserInPath, check_new_user_id, parse_id};
pub(super) use idempotency_key::{IdempotencyKeyHeader, invalid_key};
pub(super) use inputs::Inputs;
pub(super) use json_body::{JsonBody, OptionalJsonBody, PatchBody, malformed_body, read_text, require_json};
pub(crate) use list_query::{HISTORY_PARAMETERS, LIST_PARAMETERS};
pub(super) use parameters::{NoQuery, Query, WriteQuery};
pub(super) use preconditions::Conditions;
