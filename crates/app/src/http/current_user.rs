//! Who is asking, as an extractor: a handler that needs to know cannot be called without.

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use icp_domain::Caller;
use icp_ports::{AuthenticationError, Credentials};

use super::Api;
use super::problem::ApiError;
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
            count(api, &request, &caller)?;
            Ok(Self(caller))
        })
    }
}

async fn authenticate(api: &Api, request: &HttpRequest) -> Result<Caller, ApiError> {
    let headers = RequestHeaders {
        headers: request.headers(),
        changes_state: ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()),
    };
    api.authenticator.authenticate(&headers).await.map_err(|error| {
        if let AuthenticationError::Unauthenticated(reason) = &error {
            tracing::debug!(reason, "not signed in");
        }
        ApiError::of_sign_in(error, headers.headers.contains_key(AUTHORIZATION))
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
