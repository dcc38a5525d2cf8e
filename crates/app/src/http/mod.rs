//! The HTTP API. Handlers know the ports and nothing behind them.

mod certificate;
mod compression;
mod connections;
mod context;
mod cors;
mod current_user;
mod etag;
mod health;
mod icps;
mod idempotency_key;
mod json_body;
mod load;
mod mcp;
mod metrics;
mod openapi;
mod pages;
mod problem;
mod protected_resource;
mod rate_limit;
mod request_body;
mod request_id;
mod server;

use std::future::ready;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::{HttpRequest, HttpResponse, Resource, Route, web};
use icp_ports::{Authenticator, IcpRepository};

pub(crate) use certificate::Certificate;
pub(crate) use load::Load;
pub(crate) use protected_resource::ProtectedResource;
pub(crate) use rate_limit::RateLimit;
pub(crate) use server::{Additions, HttpServer};

use crate::icps::IcpService;
use crate::metrics::Metrics;
use crate::sample_sign_in::SampleSignIn;
use crate::shutdown::Draining;
use problem::ApiError;

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct Api {
    /// What is done with ICPs.
    pub(crate) icps: IcpService,
    /// Where they are stored, for asking after its health.
    pub(crate) storage: Arc<dyn IcpRepository>,
    /// Authenticates requests.
    pub(crate) authenticator: Arc<dyn Authenticator>,
    /// Authenticates requests to the endpoint for assistants.
    pub(crate) mcp_authenticator: Arc<dyn Authenticator>,
    /// Whether the service is on its way out.
    pub(crate) draining: Draining,
    /// How much is taken on at once.
    pub(crate) load: Load,
    /// How much one user may ask, where that is limited.
    pub(crate) rate_limit: Option<RateLimit>,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// Whether a cookie may say who is signed in, and so decide what is answered.
    pub(crate) session_cookie: bool,
    /// Signs in whoever tries things out, where that may be done.
    pub(crate) sample_sign_in: Option<Arc<SampleSignIn>>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Api").finish_non_exhaustive()
    }
}

/// Every route.
fn routes(config: &mut web::ServiceConfig) {
    config
        .configure(icps::routes)
        .configure(pages::routes)
        .service(
            probe("/api/v1/openapi.json")
                .route(web::get().to(openapi::handle))
                .route(web::head().to(openapi::handle)),
        )
        .configure(health_routes)
        .default_service(web::to(async || Err::<String, _>(ApiError::NoSuchRoute)));
}

fn health_routes(config: &mut web::ServiceConfig) {
    config
        .service(probe("/health/live").route(web::get().to(health::live)).route(web::head().to(health::live)))
        .service(
            probe("/health/ready").route(web::get().to(health::ready)).route(web::head().to(health::ready)),
        );
}

fn metrics_route(config: &mut web::ServiceConfig) {
    config.service(
        probe("/metrics").route(web::get().to(metrics::handle)).route(web::head().to(metrics::handle)),
    );
}

/// What there is on the port for looking.
fn operator_routes(config: &mut web::ServiceConfig) {
    config
        .configure(health_routes)
        .configure(metrics_route)
        .default_service(web::to(async || Err::<String, _>(ApiError::NoSuchRoute)));
}

fn probe(path: &str) -> Resource {
    web::resource(path).default_service(other_methods("GET, HEAD, OPTIONS"))
}

/// What answers the methods that a resource has not: to `OPTIONS`, which it has, and to others that they are not there.
fn other_methods(allow: &'static str) -> Route {
    web::to(move |request: HttpRequest| {
        let is_question = request.method() == Method::OPTIONS;
        ready(if is_question {
            Ok(HttpResponse::NoContent().insert_header((ALLOW, allow)).finish())
        } else {
            Err(ApiError::MethodNotAllowed { allow })
        })
    })
}
