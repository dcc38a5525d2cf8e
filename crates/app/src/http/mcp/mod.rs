//! `POST /mcp`: the ICPs as tools of AI assistants, after the Model Context Protocol (streamable HTTP).
//!
//! Every request stands for itself, signed in like any other. There are no sessions: any instance answers any request.

mod arguments;
mod calls;
mod messages;
mod server;
mod tools;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use http_body_util::BodyExt as _;
use icp_domain::{Caller, limits};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::current_user::{CurrentUser, SignIn};
use super::json_body::JsonBody;
use super::load::{Admitted, Load};
use super::problem::ApiError;
use super::request_id::RequestId;
use super::{Api, ProtectedResource, other_methods};
use server::IcpServer;

/// For a message to be answered: longer than any use case takes.
const LIMIT: Duration = Duration::from_secs(30);

/// For a message: the largest ICP, and what stands around it.
const MESSAGE_BYTES: usize = limits::BODY_BYTES + 64 * 1024;

/// The protocol's side of the endpoint.
#[derive(Clone)]
pub(super) struct Mcp {
    service: StreamableHttpService<IcpServer, NeverSessionManager>,
    sign_in: web::Data<SignIn>,
}

/// What a tool has to know of the request that calls it.
#[derive(Clone)]
struct Call {
    caller: Caller,
    request_id: RequestId,
    /// A tool goes on when its client has gone, and is at work until it is done.
    _place: Option<Arc<Admitted>>,
    /// As they were sent: the protocol's own reading would lose what JSON can say and a parsed number cannot.
    arguments: Option<Arc<RawValue>>,
}

impl Mcp {
    /// Pages of these origins, and what is no page, may call.
    pub(super) fn new(api: &Api, origins: &[String], protected_resource: Option<ProtectedResource>) -> Self {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(MESSAGE_BYTES)
            // That guards services without a sign-in from pages that pretend to be on their host.
            .disable_allowed_hosts()
            .with_allowed_origins(origins.iter().map(|origin| messages::with_port(origin)))
            .enforce_origin_validation();
        let server = IcpServer::new(api.icps.clone());
        let service = StreamableHttpService::new(move || Ok(server.clone()), Arc::default(), config);
        let authenticator = Arc::clone(&api.mcp_authenticator);
        Self { service, sign_in: web::Data::new(SignIn { authenticator, resource: protected_resource }) }
    }

    pub(super) fn routes(self) -> impl FnOnce(&mut web::ServiceConfig) {
        move |config| {
            let resource =
                web::resource("/mcp").app_data(self.sign_in.clone()).app_data(web::Data::new(self));
            config.service(
                resource.route(web::post().to(handle)).default_service(other_methods("POST, OPTIONS")),
            );
        }
    }
}

async fn handle(
    request: HttpRequest,
    mcp: web::Data<Mcp>,
    CurrentUser(caller): CurrentUser,
) -> Result<HttpResponse, ApiError> {
    let message = JsonBody::read_up_to(&request, MESSAGE_BYTES).await?;
    let arguments = arguments::of_message(message.text());
    let place = Load::place(&request);
    let call = Call { caller, request_id: RequestId::of(&request), _place: place, arguments };
    let handling = mcp.service.handle(messages::to_protocol(&request, message.text(), call)?);
    let answer =
        timeout(LIMIT, handling).await.map_err(|_| ApiError::Internal("a tool does not end".into()))?;
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap_or_default();
    if !messages::is_of_protocol(&answer) {
        return Err(refusal(status));
    }
    let mut response = HttpResponse::build(status);
    messages::copy_headers(&answer, &mut response);
    let Ok(body) = answer.into_body().collect().await;
    Ok(response.body(body.to_bytes()))
}

/// What the protocol's side says in words of its own is said in those of this API.
fn refusal(status: StatusCode) -> ApiError {
    match status {
        StatusCode::FORBIDDEN => ApiError::ForeignOrigin,
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::PayloadTooLarge,
        other => ApiError::from_status(other, "the protocol's side failed"),
    }
}
