//! Error responses: RFC 9457 problem details with a stable `code`.

mod api_error;
pub(crate) mod kinds;
mod problem;

pub(crate) use api_error::{ApiError, ParameterViolation};
pub(super) use problem::log_cause;
