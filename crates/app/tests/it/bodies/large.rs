//! Large bodies must be validated within seconds, and must not delay other requests.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures_util::future::join;
use icp_domain::limits;
use reqwest::{Client, Method};

use super::worst;
use crate::support::services::on_both_databases;
use crate::support::{LIST, Response, Service, Setup};

/// Maximum response time of a large body. It is long, because other tests run at the same time. If the cost of a body
/// grew with the square of its length, the response would take minutes.
const MAX_RESPONSE_TIME: Duration = Duration::from_secs(20);
/// Maximum response time of other requests.
const MAX_OTHER_RESPONSE_TIME: Duration = Duration::from_secs(1);

const DESCRIPTION_PATCH: &str = r#"{"description":"large"}"#;

/// Configures a single worker, so that a blocked worker blocks all requests, and the highest limit of users.
fn for_large_bodies(setup: Setup) -> Setup {
    setup.with("ICP__SERVER__WORKERS", "1").with("ICP__LIMITS__USER_IDS_PER_ICP", "10000")
}

struct LargeBodyClient<'a> {
    service: &'a Service,
    client: Client,
    token: String,
}

impl<'a> LargeBodyClient<'a> {
    fn new(service: &'a Service) -> Self {
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .timeout(Duration::from_secs(30))
            .build()
            .expect("the client must be built");
        Self { service, client, token: service.token("user_ada") }
    }

    /// Sends a body. Until the response has arrived, sends requests for `/health/live` on another connection. Checks
    /// all response times.
    async fn send(&self, label: &str, method: Method, path: &str, body: &str) -> Response {
        let request = self.client.request(method, format!("{}{path}", self.service.address));
        let request = request.bearer_auth(&self.token).header("content-type", "application/json");
        let request = request.body(body.to_owned());
        let has_response = Cell::new(false);
        let sending = async {
            let started = Instant::now();
            let response = Response::fetch(request).await;
            has_response.set(true);
            (response, started.elapsed())
        };
        let ((response, took), longest_wait) = join(sending, self.send_health_requests(&has_response)).await;
        eprintln!("{took:>8.1?}, other requests {longest_wait:>8.1?}: {} {label}", response.status);
        assert!(took < MAX_RESPONSE_TIME, "{label}: the response took {took:?}");
        assert!(longest_wait < MAX_OTHER_RESPONSE_TIME, "{label}: another request took {longest_wait:?}");
        response
    }

    /// Creates an ICP, and checks that a read returns the same text. Returns the path of the ICP.
    async fn create(&self, label: &str, body: &str) -> String {
        let created = self.send(label, Method::POST, LIST, body).await;
        assert_eq!(created.status, 201, "{label}: {:.1000}", created.body);
        let path = created.header("location").to_owned();
        self.check_read(label, &path, &created.body).await;
        path
    }

    async fn patch(&self, label: &str, path: &str, body: &str) {
        let patched = self.send(label, Method::PATCH, path, body).await;
        assert_eq!(patched.status, 200, "{label}: {:.1000}", patched.body);
        self.check_read(label, path, &patched.body).await;
    }

    async fn check_read(&self, label: &str, path: &str, expected: &str) {
        let read = self.service.get(path, Some(&self.token)).await;
        assert!(read.status == 200 && read.body == expected, "{label}: {:.1000}", read.body);
    }

    /// Sends a body, and checks that it is refused.
    async fn check_refused(&self, label: &str, body: &str) {
        let response = self.send(label, Method::POST, LIST, body).await;
        response.assert_problem(400, "BAD_REQUEST");
        let violations = response.json()["errors"].as_array().map_or(0, Vec::len);
        assert!((1..=limits::VIOLATIONS).contains(&violations), "{label}: {violations} violations");
        assert!(response.body.len() < 2 * limits::BODY_BYTES, "{label}: {} bytes", response.body.len());
    }

    /// Sends requests for `/health/live` until `has_response` is true. Returns the longest response time.
    async fn send_health_requests(&self, has_response: &Cell<bool>) -> Duration {
        let mut longest = Duration::ZERO;
        while !has_response.get() {
            let started = Instant::now();
            let live =
                Response::fetch(self.client.get(format!("{}/health/live", self.service.address))).await;
            assert_eq!(live.status, 200);
            longest = longest.max(started.elapsed());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        longest
    }
}

/// This test runs on one database only, because invalid bodies cause no query.
#[tokio::test]
async fn expensive_invalid_bodies_delay_no_other_request() {
    let service = for_large_bodies(Setup::new()).start();
    let client = LargeBodyClient::new(&service);
    for (label, body) in worst::invalid_bodies() {
        client.check_refused(label, &body).await;
    }
    assert_eq!(service.list("user_ada").await.body, "[]");
}

on_both_databases!(expensive_valid_bodies_delay_no_other_request, with for_large_bodies);
async fn expensive_valid_bodies_delay_no_other_request(service: &Service) {
    let client = LargeBodyClient::new(service);
    for (label, body) in worst::valid_bodies() {
        client.create(label, &body).await;
    }
}

on_both_databases!(bodies_with_thirty_regexes_delay_no_other_request, with for_large_bodies);
async fn bodies_with_thirty_regexes_delay_no_other_request(service: &Service) {
    let client = LargeBodyClient::new(service);
    for (label, body) in worst::valid_regexes(30) {
        client.create(label, &body).await;
    }
    for (label, body) in worst::invalid_regexes(30) {
        client.check_refused(label, &body).await;
    }
}

on_both_databases!(writes_to_large_icp_delay_no_other_request, with for_large_bodies);
async fn writes_to_large_icp_delay_no_other_request(service: &Service) {
    let client = LargeBodyClient::new(service);
    for (label, body) in [("many users", worst::many_users("a")), ("large JSON", worst::large_json())] {
        let path = client.create(label, &body).await;
        client.patch(&format!("{label} with a description"), &path, DESCRIPTION_PATCH).await;
        client.patch(&format!("{label} with an empty patch"), &path, "{}").await;
        client.patch(&format!("{label} with other users"), &path, &worst::many_users("b")).await;
        client.patch(&format!("{label} with the original body"), &path, &body).await;
        let deleted = client.send(&format!("{label} in a delete"), Method::DELETE, &path, "").await;
        assert_eq!(deleted.status, 204, "{deleted:?}");
    }
}

on_both_databases!(icp_larger_than_body_limit_is_patched_quickly, with for_large_bodies);
/// Several patches can make an ICP larger than the maximum body.
async fn icp_larger_than_body_limit_is_patched_quickly(service: &Service) {
    let client = LargeBodyClient::new(service);
    let path = client.create("large JSON", &worst::large_json()).await;
    client.patch("large JSON with CRM filters", &path, &worst::large_crm_json()).await;
    client.patch("large JSON with a description", &path, DESCRIPTION_PATCH).await;
}
