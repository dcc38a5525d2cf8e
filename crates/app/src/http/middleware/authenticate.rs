use std::pin::pin;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use actix_web::{HttpRequest, web};
use icp_domain::Caller;
use icp_ports::{AuthenticationError, Authenticator, Credentials};

use crate::http::error::ApiError;
use crate::http::limits::Concurrency;
use crate::http::protected_resource::ProtectedResource;
use crate::http::state::State;

/// The authentication of an endpoint, if it differs from the authentication of the API. It is stored in the application
/// data of the endpoint.
pub(in crate::http) struct SignIn {
    pub(in crate::http) authenticator: Arc<dyn Authenticator>,
    /// The endpoint as an OAuth resource, if it accepts access tokens.
    pub(in crate::http) resource: Option<ProtectedResource>,
}

/// Authenticates a request.
pub(super) async fn authenticate(state: &State, request: &HttpRequest) -> Result<Caller, ApiError> {
    let (authenticator, resource) = match request.app_data::<web::Data<SignIn>>() {
        Some(sign_in) => (&sign_in.authenticator, sign_in.resource.as_ref()),
        None => (&state.authenticator, None),
    };
    let headers = RequestHeaders {
        headers: request.headers(),
        changes_state: ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()),
    };
    let authenticating = pin!(authenticator.authenticate(&headers));
    // While a request waits for a key, it does not count as in flight.
    let authenticated = Concurrency::wait_outside_limit(request, authenticating).await?;
    authenticated.map_err(|error| {
        if let AuthenticationError::Unauthenticated(reason) = &error {
            tracing::debug!(reason, "not signed in");
        }
        rejection(error, headers.headers.contains_key(AUTHORIZATION), resource)
    })
}

/// Converts a failed authentication. An unreachable key server is an error of the service, not a 401, because clients
/// sign their user out after a 401. Without an `Authorization` header, the challenge has no error code (RFC 6750,
/// section 3.1).
fn rejection(
    error: AuthenticationError,
    has_credentials: bool,
    resource: Option<&ProtectedResource>,
) -> ApiError {
    let metadata = ("resource_metadata", resource.map(ProtectedResource::metadata_url));
    match error {
        AuthenticationError::Unauthenticated(_) => {
            let error = ("error", has_credentials.then_some("invalid_token"));
            ApiError::Unauthorized { challenge: challenge(&[metadata, error]) }
        }
        AuthenticationError::InsufficientScope => {
            let scope = resource.map(ProtectedResource::scope);
            let parameters = [("error", Some("insufficient_scope")), ("scope", scope.as_deref()), metadata];
            ApiError::InsufficientScope { challenge: challenge(&parameters) }
        }
        AuthenticationError::Unavailable(_) => ApiError::Internal(error.into()),
    }
}

/// Returns a challenge of the scheme `Bearer` (RFC 6750, section 3) with the parameters that have a value.
fn challenge(parameters: &[(&str, Option<&str>)]) -> String {
    let parameters = parameters.iter().filter_map(|(name, value)| Some(format!(r#"{name}="{}""#, (*value)?)));
    let parameters: Vec<_> = parameters.collect();
    format!("Bearer {}", parameters.join(", ")).trim_end().to_owned()
}

struct RequestHeaders<'a> {
    headers: &'a HeaderMap,
    changes_state: bool,
}

impl Credentials for RequestHeaders<'_> {
    fn header(&self, name: &str) -> Vec<&[u8]> {
        self.headers.get_all(name).map(HeaderValue::as_bytes).collect()
    }

    fn changes_state(&self) -> bool {
        self.changes_state
    }
}
