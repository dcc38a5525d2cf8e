//! The HTTP API. Handlers know the ports and nothing behind them.

mod connections;
mod context;
mod current_user;
mod etag;
mod health;
mod icps;
mod idempotency_key;
mod json_body;
mod problem;
mod request_body;
mod request_id;
mod server;

use std::sync::Arc;

use actix_web::{Resource, web};
use icp_ports::{Authenticator, IcpRepository};

pub(crate) use server::HttpServer;

use crate::icps::IcpService;
use problem::ApiError;

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct Api {
    /// What is done with ICPs.
    pub(crate) icps: IcpService,
    /// Where they are stored, for asking after its health.
    pub(crate) storage: Arc<dyn IcpRepository>,
    /// Who is signed in.
    pub(crate) authenticator: Arc<dyn Authenticator>,
    /// Whether a cookie may say who is signed in, and so decide what is answered.
    pub(crate) session_cookie: bool,
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
        .service(probe("/health/live").route(web::get().to(health::live)).route(web::head().to(health::live)))
        .service(
            probe("/health/ready").route(web::get().to(health::ready)).route(web::head().to(health::ready)),
        )
        .default_service(web::to(async || Err::<String, _>(ApiError::NoSuchRoute)));
}

fn probe(path: &str) -> Resource {
    web::resource(path).default_service(web::to(async || method_not_allowed("GET, HEAD")))
}

fn method_not_allowed(allow: &'static str) -> Result<String, ApiError> {
    Err(ApiError::MethodNotAllowed { allow })
}
