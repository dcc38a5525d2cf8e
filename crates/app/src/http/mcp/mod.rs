//! `POST /mcp`: tools for AI assistants, with the Model Context Protocol (streamable HTTP).
//!
//! There are no sessions. Each request is authenticated, so any instance can serve any request.

mod arguments;
mod calls;
mod messages;
mod server;
mod tools;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use http_body_util::BodyExt as _;
use icp_application::parse_for;
use icp_domain::{Caller, Source, limits};
use icp_ports::Authenticator;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::time::timeout;

use super::error::ApiError;
use super::extract::{CurrentUser, malformed_body, read_text, require_json};
use super::limits::Permit;
use super::middleware::{RequestId, SignIn};
use super::protected_resource::ProtectedResource;
use super::routing::{anonymous_resource, protected, read};
use super::state::State;
use server::IcpServer;

/// Time limit of a message. With the default settings, it is longer than the time limits of the use cases.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum length of a message in bytes: the maximum length of a request body, and 64 KiB for the rest of the message.
const MAX_MESSAGE_BYTES: usize = limits::BODY_BYTES + 64 * 1024;

/// The length in bytes at which a page of ICPs or deleted ICPs ends. The SDK copies and escapes results on the worker
/// thread, and a longer page would fill the context of an assistant.
const LIST_PAGE_BYTES: NonZeroUsize = NonZeroUsize::new(64 * 1024).unwrap();

/// Maximum length in bytes of a message without the arguments of a tool. The SDK parses such a message several times on
/// the worker thread.
const MAX_REST_BYTES: usize = 8 * 1024;
/// Maximum number of JSON values in a message without the arguments of a tool.
const MAX_REST_VALUES: usize = 256;

const TOO_LARGE: ApiError =
    ApiError::MessageTooLarge { max: MAX_MESSAGE_BYTES, rest: MAX_REST_BYTES, values: MAX_REST_VALUES };

type Service = StreamableHttpService<IcpServer, NeverSessionManager>;

/// The endpoint `POST /mcp`.
#[derive(Clone)]
pub(crate) struct Mcp {
    authenticator: Arc<dyn Authenticator>,
    /// The origins whose pages may call the endpoint.
    origins: Vec<String>,
    resource: Option<ProtectedResource>,
}

/// The parts of a request that its tool needs.
#[derive(Clone)]
struct Call {
    caller: Caller,
    request_id: RequestId,
    /// The permit of the request. A tool continues to run after its client has disconnected, and holds the permit until
    /// it ends.
    _permit: Option<Arc<Permit>>,
    /// The arguments as they were sent. The SDK does not get them, because its parser would lose digits of numbers.
    arguments: Option<Arc<str>>,
}

impl Mcp {
    pub(crate) fn new(
        authenticator: Arc<dyn Authenticator>,
        origins: &[String],
        resource: Option<ProtectedResource>,
    ) -> Self {
        Self { authenticator, origins: origins.to_vec(), resource }
    }

    pub(super) fn is_protected_resource(&self) -> bool {
        self.resource.is_some()
    }

    pub(super) fn routes(&self, state: &State, config: &mut web::ServiceConfig) {
        let settings = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(MAX_MESSAGE_BYTES)
            // The check of `Host` protects services without authentication from DNS rebinding. This service
            // authenticates each request.
            .disable_allowed_hosts()
            .with_allowed_origins(self.origins.iter().map(|origin| messages::with_port(origin)))
            .enforce_origin_validation();
        let server = IcpServer::new(state.icps.clone().with_response_buffer(LIST_PAGE_BYTES));
        let service: Service =
            StreamableHttpService::new(move || Ok(server.clone()), Arc::default(), settings);
        let authenticator = Arc::clone(&self.authenticator);
        let sign_in = Data::new(SignIn { authenticator, resource: self.resource.clone() });
        let route = web::post().to(handle);
        let scope = web::scope("/mcp").app_data(sign_in).app_data(Data::new(service));
        config.service(scope.service(protected("", "POST, OPTIONS", [route])));
        if let Some(resource) = &self.resource {
            for path in resource.metadata_paths() {
                let resource = resource.clone();
                let metadata = move || std::future::ready(resource.respond());
                config.service(anonymous_resource(&path, read().to(metadata)));
            }
        }
    }
}

async fn handle(
    request: HttpRequest,
    service: Data<Service>,
    CurrentUser(caller): CurrentUser,
) -> Result<HttpResponse, ApiError> {
    require_json(&request)?;
    let message = read_text(&request, MAX_MESSAGE_BYTES, || TOO_LARGE).await?;
    let taken = parse_for(&caller, Arc::clone(&message), arguments::take_arguments).await?;
    let (message, arguments) = taken.map_or((message, None), |(rest, arguments)| (rest, Some(arguments)));
    if message.len() > MAX_REST_BYTES || count_values(&message) > MAX_REST_VALUES {
        return Err(TOO_LARGE);
    }
    let call = Call {
        caller: Caller::clone(&caller).via(Source::Mcp),
        request_id: RequestId::of(&request),
        _permit: request.extensions().get::<Arc<Permit>>().cloned(),
        arguments,
    };
    let handling = service.handle(messages::to_sdk(&request, &message, call)?);
    let sdk_response = timeout(CALL_TIMEOUT, handling)
        .await
        .map_err(|_| ApiError::Internal("a tool exceeded its time limit".into()))?;
    let status = StatusCode::from_u16(sdk_response.status().as_u16()).unwrap_or_default();
    if !status.is_success() {
        return Err(rejection(status));
    }
    let mut response = HttpResponse::build(status);
    messages::copy_headers(&sdk_response, &mut response);
    let Ok(body) = sdk_response.into_body().collect().await;
    Ok(response.body(body.to_bytes()))
}

/// Returns an upper bound on the number of values in a JSON text.
fn count_values(json: &str) -> usize {
    1 + json.bytes().filter(|byte| b"[{,".contains(byte)).count()
}

/// Converts an error response of the SDK.
fn rejection(status: StatusCode) -> ApiError {
    match status {
        StatusCode::FORBIDDEN => ApiError::ForeignOrigin,
        StatusCode::PAYLOAD_TOO_LARGE => TOO_LARGE,
        other if other.is_client_error() => malformed_body(
            "must be one JSON-RPC request or notification of MCP; MCP-Protocol-Version must name a supported version",
        ),
        other => ApiError::from_status(other, "the SDK failed"),
    }
}

impl fmt::Debug for Mcp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Mcp").field("resource", &self.resource).finish_non_exhaustive()
    }
}
