//! The signed-in user, as an extractor: a handler that needs one cannot be called without.

use std::pin::pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use futures_util::future::{LocalBoxFuture, poll_immediate};
use icp_domain::{Caller, UserId};
use icp_ports::{AuthenticationError, Authenticator, Credentials};

use super::load::Load;
use super::problem::ApiError;
use super::{Api, ProtectedResource};
use crate::metrics::Refused;

/// The signed-in user.
pub(super) struct CurrentUser(pub(super) Caller);

impl FromRequest for CurrentUser {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let Some(api) = request.app_data::<web::Data<Api>>() else {
                return Err(ApiError::Internal("the application has no state".into()));
            };
            api.load.admit(&request)?;
            let caller = authenticate(api, &request).await?;
            if let Some(actor) = caller.actor() {
                request.extensions_mut().insert(Actor(actor.clone()));
            }
            count(api, &request, &caller)?;
            Ok(Self(caller))
        })
    }
}

/// How an endpoint authenticates its requests, as its data, where that differs from the API.
pub(super) struct SignIn {
    pub(super) authenticator: Arc<dyn Authenticator>,
    /// The endpoint as an OAuth resource, if it accepts access tokens.
    pub(super) resource: Option<ProtectedResource>,
}

/// The person who impersonates the user, for the log.
pub(super) struct Actor(pub(super) UserId);

async fn authenticate(api: &Api, request: &HttpRequest) -> Result<Caller, ApiError> {
    let (authenticator, resource) = match request.app_data::<web::Data<SignIn>>() {
        Some(sign_in) => (&sign_in.authenticator, sign_in.resource.as_ref()),
        None => (&api.authenticator, None),
    };
    let headers = RequestHeaders {
        headers: request.headers(),
        changes_state: ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()),
    };
    let mut authenticating = pin!(authenticator.authenticate(&headers));
    let authenticated = match poll_immediate(authenticating.as_mut()).await {
        Some(authenticated) => authenticated,
        // A request that waits for a key is not in flight: others get its permit.
        None => Load::pause(request, authenticating).await?,
    };
    authenticated.map_err(|error| {
        if let AuthenticationError::Unauthenticated(reason) = &error {
            tracing::debug!(reason, "not signed in");
        }
        ApiError::of_sign_in(error, headers.headers.contains_key(AUTHORIZATION), resource)
    })
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

/// Counts the request among its user's.
fn count(api: &Api, request: &HttpRequest, caller: &Caller) -> Result<(), ApiError> {
    let Some(limit) = &api.rate_limit else { return Ok(()) };
    let counted = limit.count(caller).inspect_err(|_| api.metrics.refused(Refused::RateLimit));
    let allowance = counted.map_err(ApiError::TooManyRequests)?;
    request.extensions_mut().insert(allowance);
    Ok(())
}
