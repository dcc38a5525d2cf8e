use std::borrow::Cow;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use icp_application::ServiceError;
use icp_domain::{ValidationErrors, ViolationCode, limits};
use icp_ports::{BoxError, RepositoryError};
use serde::Serialize;

use super::kinds::{self, ErrorKind};
use crate::http::limits::Quota;

/// The time in seconds after which a client may repeat a request that was rejected because of overload.
const RETRY_AFTER_SECONDS: &str = "1";

const _: () = assert!(limits::BODY_BYTES == 1_048_576, "the message of `PayloadTooLarge` names the limit");

/// An error response. The message is its `detail`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("User is not authenticated. Ensure a valid session exists.")]
    Unauthorized {
        /// The `WWW-Authenticate` header.
        challenge: String,
    },
    #[error("The access token lacks a scope that this endpoint requires; WWW-Authenticate names the scopes.")]
    InsufficientScope {
        /// The `WWW-Authenticate` header.
        challenge: String,
    },
    #[error("This path does not exist; /docs lists all operations.")]
    NoSuchRoute,
    #[error("The resource does not have this method; the Allow header lists its methods.")]
    MethodNotAllowed { allow: &'static str },
    #[error("The request or its URL is malformed.")]
    BadRequest,
    #[error("The body is invalid; `errors` lists the violations, at most 100.")]
    InvalidBody(ValidationErrors),
    #[error("A parameter is invalid; `errors` lists the violations, at most 100.")]
    InvalidParameters(Vec<ParameterViolation>),
    #[error("The body is longer than 1 MiB.")]
    PayloadTooLarge,
    #[error(
        "The message is too long. It may have {max} bytes in total, and {rest} bytes and {values} values without the \
            arguments of its tool."
    )]
    MessageTooLarge { max: usize, rest: usize, values: usize },
    #[error("The body must be uncompressed JSON in UTF-8, with a JSON Content-Type.")]
    UnsupportedMediaType {
        /// The media types that the route accepts.
        accepted: &'static [&'static str],
    },
    #[error("You have no access to this ICP. Ask one of its users, or an admin, to share it with you.")]
    Forbidden,
    #[error(
        "The creator has used up a quota: {icps} ICPs, {icps} idempotency keys, {icps} deleted ICPs, or {bytes} bytes \
            including histories. Delete ICPs, or wait: the service removes a key after a day, and a history after its \
            retention.",
        icps = .0.icps, bytes = .0.bytes
    )]
    QuotaReached(icp_ports::Quota),
    #[error("Only an admin may remove the last user of an ICP. Delete the ICP instead.")]
    LastUser,
    #[error(
        "Pages of this origin may not call the service. The operator can add it to ICP__SERVER__CORS_ORIGINS."
    )]
    ForeignOrigin,
    #[error("No ICP has this ID. It may have been deleted.")]
    NoSuchIcp,
    #[error("This ICP has no such revision. It may be older than the retention of the history.")]
    NoSuchRevision,
    #[error("The history of this service is off: history.retention_days is 0.")]
    HistoryDisabled,
    #[error(
        "If-Match or `updatedAt` does not name the current version, or If-None-Match names it. Read the current \
         version, and decide again."
    )]
    PreconditionFailed,
    #[error("You have sent this Idempotency-Key with another request. Use a new key for a new request.")]
    KeyReused,
    #[error("A request with this Idempotency-Key is still in progress. Try again later.")]
    KeyInUse,
    #[error("Other requests keep changing this ICP. Nothing was changed. Try again later.")]
    Contended,
    #[error("You have sent too many requests. Try again after the seconds in Retry-After.")]
    TooManyRequests(Quota),
    #[error("The service is overloaded. Nothing was done. Try again after the seconds in Retry-After.")]
    Overloaded,
    #[error("An unexpected server error occurred.")]
    Internal(#[source] BoxError),
}

/// A violation in a parameter of a request's path or query, in a header, or in the arguments of a tool.
#[derive(Debug, Serialize)]
pub(crate) struct ParameterViolation {
    parameter: Cow<'static, str>,
    code: ViolationCode,
    detail: Cow<'static, str>,
}

impl ParameterViolation {
    pub(crate) fn new(
        parameter: impl Into<Cow<'static, str>>,
        code: ViolationCode,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { parameter: parameter.into(), code, detail: detail.into() }
    }
}

impl From<ParameterViolation> for ApiError {
    fn from(violation: ParameterViolation) -> Self {
        Self::InvalidParameters(vec![violation])
    }
}

impl ApiError {
    pub(crate) fn kind(&self) -> &'static ErrorKind {
        match self {
            Self::Unauthorized { .. } => &kinds::UNAUTHORIZED,
            Self::InsufficientScope { .. }
            | Self::Forbidden
            | Self::QuotaReached(_)
            | Self::LastUser
            | Self::ForeignOrigin => &kinds::FORBIDDEN,
            Self::NoSuchRoute | Self::NoSuchIcp | Self::NoSuchRevision | Self::HistoryDisabled => {
                &kinds::NOT_FOUND
            }
            Self::MethodNotAllowed { .. } => &kinds::METHOD_NOT_ALLOWED,
            Self::BadRequest | Self::InvalidBody(_) | Self::InvalidParameters(_) => &kinds::BAD_REQUEST,
            Self::PayloadTooLarge | Self::MessageTooLarge { .. } => &kinds::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType { .. } => &kinds::UNSUPPORTED_MEDIA_TYPE,
            Self::PreconditionFailed => &kinds::PRECONDITION_FAILED,
            Self::KeyReused => &kinds::KEY_REUSED,
            Self::KeyInUse | Self::Contended => &kinds::CONFLICT,
            Self::TooManyRequests(_) => &kinds::TOO_MANY_REQUESTS,
            Self::Overloaded => &kinds::SERVICE_UNAVAILABLE,
            Self::Internal(_) => &kinds::INTERNAL_ERROR,
        }
    }

    /// Converts an error of actix by its status. The service logs the text of a server error and drops the text of a
    /// client error. It sends neither to the client.
    pub(crate) fn from_status(status: StatusCode, error: impl std::fmt::Display) -> Self {
        if status.is_client_error() { Self::BadRequest } else { Self::Internal(error.to_string().into()) }
    }

    /// Inserts the headers of the error, such as `Retry-After`.
    fn insert_headers(&self, response: &mut HttpResponseBuilder) {
        match self {
            Self::Unauthorized { challenge } | Self::InsufficientScope { challenge } => {
                response.insert_header((header::WWW_AUTHENTICATE, challenge.as_str()));
            }
            Self::MethodNotAllowed { allow } => {
                response.insert_header((header::ALLOW, *allow));
            }
            Self::UnsupportedMediaType { accepted } => {
                // RFC 9110, section 15.5.16; RFC 5789, section 2.2, for patches.
                let is_patch = accepted.len() > 1;
                let name = if is_patch { HeaderName::from_static("accept-patch") } else { header::ACCEPT };
                response.insert_header((name, accepted.join(", ")));
            }
            Self::Overloaded => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
            }
            Self::TooManyRequests(quota) => {
                response.insert_header((header::RETRY_AFTER, quota.wait_seconds()));
            }
            _ => {}
        }
    }
}

/// The middleware `problem_responses` adds the body, which contains the request's ID.
impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.kind().status).unwrap_or_default()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status_code());
        self.insert_headers(&mut response);
        response.insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
        let mut response = response.finish();
        if let Self::TooManyRequests(quota) = self {
            quota.insert_headers(response.headers_mut());
        }
        response
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

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::NotFound => Self::NoSuchIcp,
            ServiceError::NoRevision => Self::NoSuchRevision,
            ServiceError::HistoryDisabled => Self::HistoryDisabled,
            ServiceError::Forbidden => Self::Forbidden,
            ServiceError::PreconditionFailed => Self::PreconditionFailed,
            ServiceError::Invalid(violations) => Self::InvalidBody(violations),
            ServiceError::InvalidCursor => {
                let detail = "must be a cursor of this list, for the same user, filters and order";
                ParameterViolation::new("cursor", ViolationCode::InvalidValue, detail).into()
            }
            ServiceError::QuotaReached(quota) => Self::QuotaReached(quota),
            ServiceError::LastUser => Self::LastUser,
            ServiceError::KeyReused => Self::KeyReused,
            ServiceError::KeyInUse => Self::KeyInUse,
            ServiceError::Contended => Self::Contended,
            ServiceError::Overloaded => Self::Overloaded,
            ServiceError::Internal(source) => Self::Internal(source),
            ServiceError::Storage(error) => error.into(),
            other => Self::Internal(other.into()),
        }
    }
}
