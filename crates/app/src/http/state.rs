use std::fmt;
use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::web::Data;
use icp_application::IcpService;
use icp_ports::Authenticator;

use super::error::ApiError;
use super::limits::{Concurrency, RateLimit};
use super::system::HealthChecks;
use crate::shutdown::Draining;
use icp_observability::Metrics;

/// The application data of handlers and middleware.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) icps: IcpService,
    /// Authenticates requests to the API.
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) draining: Draining,
    pub(crate) health_checks: HealthChecks,
    pub(crate) concurrency: Concurrency,
    /// The quota of each user, if there is one.
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) metrics: Metrics,
    /// True if the session cookie is accepted, so that responses depend on it.
    pub(crate) session_cookie: bool,
    /// True if the development sign-in is active.
    pub(crate) is_development: bool,
}

impl State {
    /// Returns the state of the application. Middleware calls this function instead of an extractor, which would cost a
    /// future for each middleware.
    ///
    /// # Errors
    ///
    /// If the application has no state.
    pub(super) fn of(request: &ServiceRequest) -> Result<Data<Self>, ApiError> {
        let state = request.app_data::<Data<Self>>().cloned();
        state.ok_or_else(|| ApiError::Internal("the application has no state".into()))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("State").finish_non_exhaustive()
    }
}
