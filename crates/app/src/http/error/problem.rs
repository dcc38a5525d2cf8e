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
            // RFC 9457, section 4.2.1: for `about:blank`, the title is the name of the status.
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
pub(in crate::http) fn log_cause(error: &ApiError, request_id: &RequestId) {
    if let ApiError::Internal(source) = error {
        let causes: Vec<_> =
            std::iter::successors(source.source(), |cause| cause.source()).map(ToString::to_string).collect();
        // The causes may quote a stored document. The `Debug` format of the log escapes control characters in them.
        let error = source.to_string();
        let error = printable(&error);
        tracing::error!(request_id = request_id.as_str(), %error, ?causes, "a request failed");
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use icp_domain::{Caller, IcpPatch, ViolationCode};
    use serde_json::Value;

    use super::super::kinds::{self, ErrorKind};
    use super::*;

    const REFERENCE: &str = include_str!("../../../../../docs/reference/errors.md");

    fn section(kind: &ErrorKind) -> &'static str {
        let heading = format!("\n## {}\n", kind.code);
        let (_, rest) = REFERENCE
            .split_once(&heading)
            .unwrap_or_else(|| panic!("the reference must have a section for {}", kind.code));
        rest.split("\n## ").next().unwrap_or(rest)
    }

    fn examples(section: &str) -> Vec<Value> {
        let blocks = section.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
        blocks.map(|block| serde_json::from_str(block).unwrap()).collect()
    }

    /// Returns the errors whose documents the reference shows as examples.
    fn documented_errors() -> Vec<ApiError> {
        let body = r#"{"customFilterCriteria": [{"type": "maxPercentFromCRM", "value": 101}], "colour": 1}"#;
        let caller = Caller::user("user_ada".try_into().unwrap());
        let limit = ParameterViolation::new(
            "limit",
            ViolationCode::OutOfRange,
            r#"must be an integer from 1 to 1000, not "0""#,
        );
        vec![
            ApiError::InvalidBody(IcpPatch::from_json(body, &caller).unwrap_err()),
            limit.into(),
            ApiError::Unauthorized { challenge: String::new() },
            ApiError::Forbidden,
            ApiError::LastUser,
            ApiError::NoSuchIcp,
            ApiError::MethodNotAllowed { allow: "GET" },
            ApiError::Contended,
            ApiError::KeyInUse,
            ApiError::PreconditionFailed,
            ApiError::PayloadTooLarge,
            ApiError::UnsupportedMediaType { accepted: &[] },
            ApiError::KeyReused,
            ApiError::Internal("a cause".into()),
            ApiError::Overloaded,
        ]
    }

    #[test]
    fn reference_has_every_kind_of_error() {
        for kind in kinds::ALL_KINDS {
            let row = format!("| {} | [`{}`](#{}) |", kind.status, kind.code, kind.code.to_lowercase());
            assert!(REFERENCE.contains(&row), "the reference must have the row {row}");
            let examples = examples(section(kind));
            assert!(!examples.is_empty(), "{} must have an example", kind.code);
            for example in examples {
                assert_eq!((&example["status"], &example["code"]), (&kind.status.into(), &kind.code.into()));
            }
        }
        let rows = REFERENCE.lines().filter(|line| line.contains("](#") && line.starts_with("| "));
        assert_eq!(
            rows.count(),
            kinds::ALL_KINDS.len(),
            "the reference must have no row for an unknown kind of error"
        );
    }

    #[test]
    fn examples_of_reference_are_real_responses() {
        let id = RequestId::of(&TestRequest::default().to_http_request());
        for error in documented_errors() {
            let mut document: Value = serde_json::from_str(&error.document(&id)).unwrap();
            let is_shown = examples(section(error.kind())).into_iter().any(|example| {
                document["requestId"] = example["requestId"].clone();
                document == example
            });
            assert!(is_shown, "the reference must have this example: {document}");
        }
    }

    #[test]
    fn reference_has_every_violation_code() {
        let schema = crate::openapi::document()["components"]["schemas"].to_string();
        let (_, table) = REFERENCE.split_once("| code of a violation |").unwrap();
        let table = table.split("\n\n").next().unwrap();
        let codes: Vec<_> = table.lines().filter_map(|row| row.split('`').nth(1)).collect();
        for code in &codes {
            assert!(schema.contains(&format!("\"{code}\"")), "the OpenAPI document must have {code}");
        }
        assert_eq!(codes.len(), 9, "the reference must have all codes of violations");
    }
}
