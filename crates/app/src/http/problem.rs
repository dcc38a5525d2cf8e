//! Errors as clients see them: RFC 9457 problem details with a stable `code`.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use icp_ports::{AuthenticationError, BoxError, RepositoryError};
use serde::Serialize;

use super::request_id::RequestId;

/// Why a request gets no other answer. [`ApiError::kind`] is the one place that says what each means to a client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("nobody is signed in")]
    Unauthorized {
        /// Whether the request tried: RFC 6750, section 3.1, gives an error code only then.
        tried: bool,
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
    #[error(transparent)]
    Internal(BoxError),
}

/// What a client is told.
struct Kind {
    status: StatusCode,
    code: &'static str,
    detail: &'static str,
}

impl ApiError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unauthorized { .. } => Kind {
                status: StatusCode::UNAUTHORIZED,
                code: "UNAUTHORIZED",
                detail: "User is not authenticated. Ensure a valid session exists.",
            },
            Self::NoSuchRoute => Kind {
                status: StatusCode::NOT_FOUND,
                code: "NOT_FOUND",
                detail: "There is nothing at this address.",
            },
            Self::MethodNotAllowed { .. } => Kind {
                status: StatusCode::METHOD_NOT_ALLOWED,
                code: "METHOD_NOT_ALLOWED",
                detail: "The method is not allowed here; the Allow header names those that are.",
            },
            Self::BadRequest => Kind {
                status: StatusCode::BAD_REQUEST,
                code: "BAD_REQUEST",
                detail: "The request cannot be read.",
            },
            Self::Internal(_) => Kind {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                code: "INTERNAL_ERROR",
                detail: "An unexpected server error occurred.",
            },
        }
    }

    /// The answer.
    pub(super) fn respond(&self, request_id: &RequestId) -> HttpResponse {
        let Kind { status, code, detail } = self.kind();
        let mut response = HttpResponseBuilder::new(status);
        match self {
            Self::Unauthorized { tried: false } => {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
            }
            Self::Unauthorized { tried: true } => {
                response.insert_header((header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#));
            }
            Self::MethodNotAllowed { allow } => {
                response.insert_header((header::ALLOW, *allow));
            }
            Self::NoSuchRoute | Self::BadRequest | Self::Internal(_) => {}
        }
        let title = status.canonical_reason().unwrap_or_default();
        let problem = Problem {
            // RFC 9457, section 4.2.1: the title says all that the type would.
            r#type: "about:blank",
            title,
            status: status.as_u16(),
            detail,
            code,
            request_id: request_id.as_str(),
        };
        let body = serde_json::to_string(&problem).unwrap_or_default();
        let content_type = HeaderValue::from_static("application/problem+json");
        response.insert_header((header::CACHE_CONTROL, "no-store")).content_type(content_type).body(body)
    }

    /// The error that actix meant, which has no more than a status.
    pub(super) fn from_status(status: StatusCode, error: impl std::fmt::Display) -> Self {
        if status.is_client_error() { Self::BadRequest } else { Self::Internal(error.to_string().into()) }
    }
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
}

/// The body is made where the request's id is known, see [`super::context`].
impl actix_web::ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.kind().status
    }
}

impl From<RepositoryError> for ApiError {
    fn from(error: RepositoryError) -> Self {
        Self::Internal(error.into())
    }
}

impl ApiError {
    /// What a failed sign-in means to the client. That a key server cannot be reached is the service's fault: a client
    /// that is told 401 signs its user out.
    pub(super) fn of_sign_in(error: AuthenticationError, tried: bool) -> Self {
        match error {
            AuthenticationError::Unauthenticated(_) => Self::Unauthorized { tried },
            AuthenticationError::Unavailable(_) => Self::Internal(error.into()),
        }
    }
}
