use actix_web::http::StatusCode;
use icp_domain::Violation;
use icp_files::printable;
use serde::Serialize;

use super::{ApiError, ParameterViolation};
use crate::http::middleware::RequestId;

/// The body of an error (RFC 9457).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: String,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Violations<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Violations<'a> {
    InBody(&'a [Violation]),
    InParameters(&'a [ParameterViolation]),
}

impl ApiError {
    /// Returns the problem document, as JSON.
    pub(crate) fn document(&self, request_id: &RequestId) -> String {
        let kind = self.kind();
        let status = StatusCode::from_u16(kind.status).unwrap_or_default();
        let problem = Problem {
            // RFC 9457, section 4.2.1: the title then says what the type would.
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: kind.status,
            detail: self.to_string(),
            code: kind.code,
            request_id: request_id.as_str(),
            errors: match self {
                Self::InvalidBody(violations) => Some(Violations::InBody(violations.all())),
                Self::InvalidParameters(violations) => Some(Violations::InParameters(violations)),
                _ => None,
            },
        };
        serde_json::to_string(&problem).unwrap_or_default()
    }
}

/// Logs the cause of an internal error, which the response does not contain.
pub(in crate::http) fn report(error: &ApiError, request_id: &RequestId) {
    if let ApiError::Internal(source) = error {
        let causes: Vec<_> =
            std::iter::successors(source.source(), |cause| cause.source()).map(ToString::to_string).collect();
        // It may quote a stored document. `Debug` escapes the causes.
        let error = source.to_string();
        let error = printable(&error);
        tracing::error!(request_id = request_id.as_str(), %error, ?causes, "a request failed");
    }
}
