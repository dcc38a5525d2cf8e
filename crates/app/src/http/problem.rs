//! Errors as clients see them: RFC 9457 problem details with a stable `code`.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use icp_domain::{Fault, FaultCode, Faults, limits};
use icp_ports::{AuthenticationError, BoxError, RepositoryError};
use serde::Serialize;

use super::protected_resource::ProtectedResource;
use super::rate_limit::Allowance;
use super::request_id::RequestId;
use crate::icps::Refusal;

/// After which a client that was turned away may come back.
const RETRY_AFTER_SECONDS: &str = "1";

/// Why a request gets no other answer. [`ApiError::kind`] is the one place that says what each means to a client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("nobody is signed in")]
    Unauthorized {
        /// Whether the request tried: RFC 6750, section 3.1, gives an error code only then.
        tried: bool,
        /// The URL of the endpoint's OAuth metadata, if it has any (RFC 9728, section 5.1).
        resource_metadata: Option<String>,
    },
    #[error("the access token lacks a scope")]
    InsufficientScope {
        /// The scopes that the endpoint requires, separated by spaces.
        scope: String,
        /// The URL of the endpoint's OAuth metadata.
        resource_metadata: Option<String>,
    },
    #[error("no such route")]
    NoSuchRoute,
    #[error("the method is not allowed")]
    MethodNotAllowed {
        /// The methods that are.
        allow: &'static str,
    },
    #[error("the request cannot be read")]
    BadRequest,
    #[error("the body is at fault")]
    InvalidBody(Faults),
    #[error("a parameter is at fault")]
    InvalidParameters(Vec<ParameterFault>),
    #[error("the body is too large")]
    PayloadTooLarge,
    #[error("the body is of another type")]
    UnsupportedMediaType {
        /// The types that the route takes.
        accepted: &'static [&'static str],
    },
    #[error("no access")]
    Forbidden,
    #[error("a page of an origin that may not call")]
    ForeignOrigin,
    #[error("no such ICP")]
    NoSuchIcp,
    #[error("another version")]
    PreconditionFailed,
    #[error("the idempotency key came with another body")]
    KeyReused,
    #[error("a request with the same idempotency key is at work")]
    KeyInUse,
    #[error("others keep changing the ICP")]
    Contended,
    #[error("the user has asked too much")]
    TooManyRequests(Allowance),
    #[error("too much to do")]
    Overloaded,
    #[error(transparent)]
    Internal(BoxError),
}

/// What is wrong with a parameter of a request's path, query or head.
#[derive(Debug, Serialize)]
pub(crate) struct ParameterFault {
    pub(super) parameter: &'static str,
    pub(super) code: FaultCode,
    detail: Cow<'static, str>,
}

impl ParameterFault {
    pub(super) fn new(
        parameter: &'static str,
        code: FaultCode,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { parameter, code, detail: detail.into() }
    }

    /// The error of a request that has this fault alone.
    pub(super) fn alone(parameter: &'static str, detail: &'static str) -> ApiError {
        ApiError::InvalidParameters(vec![Self::new(parameter, FaultCode::InvalidValue, detail)])
    }
}

/// What a client is told.
struct Kind {
    status: StatusCode,
    code: &'static str,
    detail: &'static str,
}

impl ApiError {
    fn kind(&self) -> Kind {
        let (status, code, detail) = match self {
            Self::Unauthorized { .. } => (
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "User is not authenticated. Ensure a valid session exists.",
            ),
            Self::InsufficientScope { .. } => (
                StatusCode::FORBIDDEN,
                "FORBIDDEN",
                "The access token lacks a scope that this endpoint requires; WWW-Authenticate names them.",
            ),
            Self::NoSuchRoute => (StatusCode::NOT_FOUND, "NOT_FOUND", "There is nothing at this address."),
            Self::MethodNotAllowed { .. } => (
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "The method is not allowed here; the Allow header names those that are.",
            ),
            Self::BadRequest => (StatusCode::BAD_REQUEST, "BAD_REQUEST", "The request cannot be read."),
            Self::InvalidBody(_) => (
                StatusCode::BAD_REQUEST,
                "BAD_REQUEST",
                "The body is not what this request takes; `errors` says where and why.",
            ),
            Self::InvalidParameters(_) => (
                StatusCode::BAD_REQUEST,
                "BAD_REQUEST",
                "A parameter is not what this request takes; `errors` says which and why.",
            ),
            Self::PayloadTooLarge => {
                const { assert!(limits::BODY_BYTES == 1_048_576, "the sentence below names the limit") };
                (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", "A body may have at most 1 MiB.")
            }
            Self::UnsupportedMediaType { .. } => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_MEDIA_TYPE",
                "The body must be JSON in UTF-8, not compressed, and its Content-Type must say so.",
            ),
            Self::Forbidden => {
                (StatusCode::FORBIDDEN, "FORBIDDEN", "This ICP exists, and you have no access to it.")
            }
            Self::ForeignOrigin => (
                StatusCode::FORBIDDEN,
                "FORBIDDEN",
                "Pages of this origin may not call the service; ICP__SERVER__CORS_ORIGINS names those that may.",
            ),
            Self::NoSuchIcp => (StatusCode::NOT_FOUND, "NOT_FOUND", "There is no ICP with this id."),
            Self::PreconditionFailed => (
                StatusCode::PRECONDITION_FAILED,
                "PRECONDITION_FAILED",
                "The ICP is not at the version that If-Match or updatedAt names: it has changed. Read it again.",
            ),
            Self::KeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "IDEMPOTENCY_KEY_REUSED",
                "This Idempotency-Key came with another body before. A new request needs a new key.",
            ),
            Self::KeyInUse => (
                StatusCode::CONFLICT,
                "CONFLICT",
                "A request with this Idempotency-Key is still at work. Try again later.",
            ),
            Self::Contended => (
                StatusCode::CONFLICT,
                "CONFLICT",
                "Others keep changing this ICP. Nothing was done; try again.",
            ),
            Self::TooManyRequests(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "TOO_MANY_REQUESTS",
                "You have sent more requests than you may; RateLimit says when there will be more.",
            ),
            Self::Overloaded => (
                StatusCode::SERVICE_UNAVAILABLE,
                "SERVICE_UNAVAILABLE",
                "The service has more to do than it can. Nothing was done; try again in a moment.",
            ),
            Self::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "An unexpected server error occurred.")
            }
        };
        Kind { status, code, detail }
    }

    /// What is wrong with what was sent.
    fn errors(&self) -> Option<Errors<'_>> {
        match self {
            Self::InvalidBody(faults) => Some(Errors::InBody(faults.all())),
            Self::InvalidParameters(faults) => Some(Errors::InParameters(faults)),
            _ => None,
        }
    }

    /// Headers that say what would be right.
    fn insert_headers(&self, response: &mut HttpResponseBuilder) {
        match self {
            Self::Unauthorized { tried, resource_metadata } => {
                let error = tried.then_some("invalid_token");
                response.insert_header((
                    header::WWW_AUTHENTICATE,
                    challenge(&[("resource_metadata", resource_metadata.as_deref()), ("error", error)]),
                ));
            }
            Self::InsufficientScope { scope, resource_metadata } => {
                let parameters = [
                    ("error", Some("insufficient_scope")),
                    ("scope", Some(scope.as_str())),
                    ("resource_metadata", resource_metadata.as_deref()),
                ];
                response.insert_header((header::WWW_AUTHENTICATE, challenge(&parameters)));
            }
            Self::MethodNotAllowed { allow } => {
                response.insert_header((header::ALLOW, *allow));
            }
            Self::UnsupportedMediaType { accepted } => {
                // RFC 9110, section 15.5.16, and RFC 5789, section 2.2, where patches are among them.
                let name =
                    if accepted.len() > 1 { HeaderName::from_static("accept-patch") } else { header::ACCEPT };
                response.insert_header((name, accepted.join(", ")));
            }
            Self::Overloaded => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
            }
            Self::TooManyRequests(allowance) => {
                response.insert_header((header::RETRY_AFTER, allowance.wait_seconds()));
            }
            _ => {}
        }
    }

    /// The answer.
    pub(super) fn respond(&self, request_id: &RequestId) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.kind().status);
        self.insert_headers(&mut response);
        let content_type = HeaderValue::from_static("application/problem+json");
        let mut response = response
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .content_type(content_type)
            .body(self.document(request_id));
        if let Self::TooManyRequests(allowance) = self {
            allowance.insert_headers(response.headers_mut());
        }
        response
    }

    /// The problem document, as JSON.
    pub(super) fn document(&self, request_id: &RequestId) -> String {
        let Kind { status, code, detail } = self.kind();
        let title = status.canonical_reason().unwrap_or_default();
        let problem = Problem {
            // RFC 9457, section 4.2.1: the title says all that the type would.
            r#type: "about:blank",
            title,
            status: status.as_u16(),
            detail,
            code,
            request_id: request_id.as_str(),
            errors: self.errors(),
        };
        serde_json::to_string(&problem).unwrap_or_default()
    }

    /// The error that actix meant, which has no more than a status.
    pub(super) fn from_status(status: StatusCode, error: impl std::fmt::Display) -> Self {
        if status.is_client_error() { Self::BadRequest } else { Self::Internal(error.to_string().into()) }
    }
}

/// Returns a challenge of the scheme `Bearer` (RFC 6750, section 3) with the parameters that have a value.
fn challenge(parameters: &[(&str, Option<&str>)]) -> String {
    let parameters = parameters.iter().filter_map(|(name, value)| Some(format!(r#"{name}="{}""#, (*value)?)));
    let parameters: Vec<_> = parameters.collect();
    format!("Bearer {}", parameters.join(", ")).trim_end().to_owned()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'static str,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Errors<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Errors<'a> {
    InBody(&'a [Fault]),
    InParameters(&'a [ParameterFault]),
}

/// The body is made where the request's id is known, see [`super::context`].
impl actix_web::ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.kind().status
    }
}

impl From<RepositoryError> for ApiError {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Overloaded => Self::Overloaded,
            RepositoryError::AlreadyExists(_)
            | RepositoryError::Unavailable(_)
            | RepositoryError::Backend(_) => Self::Internal(error.into()),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::NoSuchIcp,
            Refusal::Forbidden => Self::Forbidden,
            Refusal::OtherVersion => Self::PreconditionFailed,
            Refusal::Invalid(faults) => Self::InvalidBody(faults),
            Refusal::ForeignCursor => ParameterFault::alone(
                "cursor",
                "must be one that this list gave, to the same user, with the same filters and order",
            ),
            Refusal::KeyReused => Self::KeyReused,
            Refusal::KeyInUse => Self::KeyInUse,
            Refusal::Contended => Self::Contended,
            Refusal::Internal(source) => Self::Internal(source),
            Refusal::Storage(error) => error.into(),
            Refusal::Unreadable(_) => Self::Internal(refusal.into()),
        }
    }
}

impl ApiError {
    /// Returns what a failed sign-in means to the client. A key server that cannot be reached is the service's fault: a
    /// client that gets a 401 signs its user out.
    pub(super) fn of_sign_in(
        error: AuthenticationError,
        tried: bool,
        resource: Option<&ProtectedResource>,
    ) -> Self {
        let resource_metadata = resource.map(|resource| resource.metadata_url().to_owned());
        match error {
            AuthenticationError::Unauthenticated(_) => Self::Unauthorized { tried, resource_metadata },
            AuthenticationError::InsufficientScope => {
                let scope = resource.map(ProtectedResource::scope).unwrap_or_default();
                Self::InsufficientScope { scope, resource_metadata }
            }
            AuthenticationError::Unavailable(_) => Self::Internal(error.into()),
        }
    }
}
