//! Tests that the panic of a handler or a tool affects only its own request, and that requests share health checks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::header;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;
use actix_web::{App, rt};
use async_trait::async_trait;
use futures_util::future::join_all;
use icp_application::{IcpService, random_id};
use icp_domain::{AccessScope, IcpChange, IcpDocument, IcpId};
use icp_observability::Metrics;
use icp_ports::{
    Creation, Creator, Health, HealthCheck, IcpHistory, IcpList, IcpReader, IcpRepository, IdempotencyKey,
    ListQuery, Lookup, Quota, Replacement, RepositoryError, Stamp, StoredIcp, SystemClock, Version,
};
use icp_testkit::fakes::FakeAuthenticator;
use serde_json::Value;
use tokio::time::sleep;

use super::mcp::Mcp;
use super::middleware::{KeepUnreadBody, Layer, ProblemResponses, allow_origins};
use super::{Concurrency, HealthChecks, State, history, icps, system};
use crate::shutdown::Draining;

const ORIGIN: &str = "https://app.example.com";

/// A repository whose reads and writes of ICPs panic. It counts its health checks.
#[derive(Default)]
struct PanickingRepository {
    health_checks: AtomicUsize,
}

#[async_trait]
impl IcpReader for PanickingRepository {
    async fn list(&self, _: &ListQuery) -> Result<IcpList, RepositoryError> {
        panic!("a bug in list")
    }

    async fn get(&self, _: IcpId, _: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        panic!("a bug in get")
    }
}

#[async_trait]
impl IcpRepository for PanickingRepository {
    async fn insert(
        &self,
        _: &IcpDocument,
        _: &Creator,
        _: Option<&IdempotencyKey>,
    ) -> Result<Creation, RepositoryError> {
        panic!("a bug in insert")
    }

    async fn replace(
        &self,
        _: &IcpChange,
        _: Version,
        _: Quota,
        _: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        panic!("a bug in replace")
    }

    async fn delete(&self, _: IcpId, _: Version, _: &Stamp) -> Result<bool, RepositoryError> {
        panic!("a bug in delete")
    }
}

impl IcpHistory for PanickingRepository {}

#[async_trait]
impl HealthCheck for PanickingRepository {
    async fn health(&self) -> Health {
        self.health_checks.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(1)).await;
        Health::Ok
    }
}

fn state(repository: Arc<PanickingRepository>) -> State {
    let metrics = Metrics::new(Vec::new());
    let response_buffer = std::num::NonZeroUsize::new(4).expect("must not be 0");
    State {
        icps: IcpService::new(repository, Arc::new(SystemClock), random_id),
        authenticator: Arc::new(FakeAuthenticator),
        draining: Draining::default(),
        health_checks: HealthChecks::default(),
        concurrency: Concurrency::new(4, response_buffer, &metrics),
        rate_limit: None,
        metrics,
        session_cookie: false,
        is_development: false,
    }
}

async fn send(request: TestRequest) -> ServiceResponse<impl MessageBody> {
    let state = state(Arc::default());
    let mcp = Mcp::new(Arc::new(FakeAuthenticator), &[ORIGIN.to_owned()], None);
    let app = App::new()
        .app_data(Data::new(state.clone()))
        .wrap(allow_origins(&[ORIGIN.to_owned()], false))
        .wrap(Layer(ProblemResponses))
        .wrap(Layer(KeepUnreadBody))
        .configure(history::routes)
        .configure(icps::routes)
        .configure(|config| mcp.routes(&state, config));
    let app = init_service(app).await;
    let request = request.insert_header((header::AUTHORIZATION, "Bearer user_ada"));
    call_service(&app, request.insert_header((header::ORIGIN, ORIGIN)).to_request()).await
}

#[test]
fn panic_of_handler_is_an_internal_error() {
    rt::System::new().block_on(async {
        for path in ["/api/v1/entities/icps", "/api/v1/entities/icps/550e8400-e29b-41d4-a716-446655440000"] {
            let response = send(TestRequest::get().uri(path)).await;
            assert_eq!(response.status(), 500);
            assert_eq!(
                response.headers().get("access-control-allow-origin").expect("must have CORS headers"),
                ORIGIN
            );
            let body = read_body(response).await;
            let problem: Value = serde_json::from_slice(&body).expect("must be JSON");
            assert_eq!(problem["code"], "INTERNAL_ERROR", "{problem}");
            assert!(!problem.to_string().contains("bug"), "{problem}");
        }
    });
}

#[test]
fn panic_of_tool_is_error_result() {
    rt::System::new().block_on(async {
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_icps"}}"#;
        let request = TestRequest::post().uri("/mcp").insert_header(("content-type", "application/json"));
        let request = request.insert_header((header::CONTENT_LENGTH, call.len())).set_payload(call);
        let request = request.insert_header((header::HOST, "localhost"));
        let response: Value =
            serde_json::from_slice(&read_body(send(request).await).await).expect("must be JSON");
        assert_eq!(response["result"]["isError"], true, "{response}");
        assert!(response.to_string().contains("INTERNAL_ERROR"), "{response}");
    });
}

#[test]
fn concurrent_readiness_requests_share_a_check() {
    rt::System::new().block_on(async {
        let repository = Arc::<PanickingRepository>::default();
        let app = App::new().app_data(Data::new(state(Arc::clone(&repository))));
        let app = init_service(app.configure(system::health_routes)).await;
        let send = |_| call_service(&app, TestRequest::get().uri("/health/ready").to_request());
        let responses = join_all((0..100).map(send)).await;
        assert!(responses.iter().all(|response| response.status() == 200));
        assert_eq!(repository.health_checks.load(Ordering::Relaxed), 1);
        assert_eq!(send(0).await.status(), 200);
        assert_eq!(
            repository.health_checks.load(Ordering::Relaxed),
            2,
            "a later request must cause a new check"
        );
    });
}
