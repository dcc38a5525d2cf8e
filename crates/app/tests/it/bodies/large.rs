//! Large bodies are validated within seconds, and do not delay other requests.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures_util::future::join;
use icp_domain::limits;
use reqwest::{Client, Method};

use super::worst;
use crate::support::services::on_both;
use crate::support::{LIST, Response, Service, Setup};

const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
const OTHERS_WITHIN: Duration = Duration::from_secs(1);

const DESCRIBED: &str = r#"{"description":"large"}"#;

/// One worker, so that a blocked worker blocks every request.
fn one_worker(setup: Setup) -> Setup {
    setup.with("ICP__SERVER__WORKERS", "1").with("ICP__LIMITS__USER_IDS_PER_ICP", "10000")
}

struct User<'a> {
    service: &'a Service,
    client: Client,
    token: String,
}

impl<'a> User<'a> {
    fn new(service: &'a Service) -> Self {
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .timeout(Duration::from_secs(30))
            .build()
            .expect("a client");
        Self { service, client, token: service.token("user_ada") }
    }

    /// Sends a body, and requests health on another connection until the response has arrived.
    async fn send(&self, what: &str, method: Method, path: &str, body: &str) -> Response {
        let request = self.client.request(method, format!("{}{path}", self.service.address));
        let request = request.bearer_auth(&self.token).header("content-type", "application/json");
        let request = request.body(body.to_owned());
        let is_answered = Cell::new(false);
        let sending = async {
            let started = Instant::now();
            let response = Response::of(request).await;
            is_answered.set(true);
            (response, started.elapsed())
        };
        let ((response, took), waited) = join(sending, self.others(&is_answered)).await;
        eprintln!("{took:>8.1?}, others {waited:>8.1?}: {} {what}", response.status);
        assert!(took < ANSWERED_WITHIN, "{what}: {took:?}");
        assert!(waited < OTHERS_WITHIN, "{what}: others waited {waited:?}");
        response
    }

    /// Creates an ICP, and checks that a read returns the same. Returns its path.
    async fn create(&self, what: &str, body: &str) -> String {
        let created = self.send(what, Method::POST, LIST, body).await;
        assert_eq!(created.status, 201, "{what}: {:.1000}", created.body);
        let path = created.header("location").to_owned();
        self.check_read(what, &path, &created.body).await;
        path
    }

    async fn patch(&self, what: &str, path: &str, body: &str) {
        let patched = self.send(what, Method::PATCH, path, body).await;
        assert_eq!(patched.status, 200, "{what}: {:.1000}", patched.body);
        self.check_read(what, path, &patched.body).await;
    }

    async fn check_read(&self, what: &str, path: &str, expected: &str) {
        let read = self.service.get(path, Some(&self.token)).await;
        assert!(read.status == 200 && read.body == expected, "{what}: {:.1000}", read.body);
    }

    /// Sends a body that must be refused.
    async fn refused(&self, what: &str, body: &str) {
        let response = self.send(what, Method::POST, LIST, body).await;
        response.assert_problem(400, "BAD_REQUEST");
        let violations = response.json()["errors"].as_array().map_or(0, Vec::len);
        assert!((1..=limits::VIOLATIONS).contains(&violations), "{what}: {violations} violations");
        assert!(response.body.len() < 2 * limits::BODY_BYTES, "{what}: {} bytes", response.body.len());
    }

    /// The longest wait of other requests.
    async fn others(&self, is_answered: &Cell<bool>) -> Duration {
        let mut longest = Duration::ZERO;
        while !is_answered.get() {
            let started = Instant::now();
            let live = Response::of(self.client.get(format!("{}/health/live", self.service.address))).await;
            assert_eq!(live.status, 200);
            longest = longest.max(started.elapsed());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        longest
    }
}

/// A request without a query of the database.
#[tokio::test]
async fn worst_invalid_bodies_are_refused_without_delaying_others() {
    let service = one_worker(Setup::new()).start();
    let user = User::new(&service);
    for (what, body) in worst::wrong() {
        user.refused(what, &body).await;
    }
    assert_eq!(service.list("user_ada").await.body, "[]");
}

on_both!(worst_valid_bodies_are_stored_without_delaying_others, with one_worker);
async fn worst_valid_bodies_are_stored_without_delaying_others(service: &Service) {
    let user = User::new(service);
    for (what, body) in worst::right() {
        user.create(what, &body).await;
    }
}

on_both!(medium_bodies_delay_no_other_request, with one_worker);
/// Up to some length, a body is validated on the worker thread.
async fn medium_bodies_delay_no_other_request(service: &Service) {
    let user = User::new(service);
    for (what, body) in worst::right_regexes(30) {
        user.create(what, &body).await;
    }
    for (what, body) in worst::wrong_regexes(30) {
        user.refused(what, &body).await;
    }
}

on_both!(large_icp_is_patched_without_delaying_others, with one_worker);
async fn large_icp_is_patched_without_delaying_others(service: &Service) {
    let user = User::new(service);
    for (what, body) in [("many users", worst::many_users("a")), ("pages of JSON", worst::pages())] {
        let path = user.create(what, &body).await;
        user.patch("... described", &path, DESCRIBED).await;
        user.patch("... left as it is", &path, "{}").await;
        user.patch("... given other users", &path, &worst::many_users("b")).await;
        user.patch("... given back", &path, &body).await;
        let deleted = user.send("... deleted", Method::DELETE, &path, "").await;
        assert_eq!(deleted.status, 204, "{deleted:?}");
    }
}

on_both!(icp_larger_than_body_limit_is_patched_quickly, with one_worker);
/// Several patches can make an ICP larger than one body.
async fn icp_larger_than_body_limit_is_patched_quickly(service: &Service) {
    let user = User::new(service);
    let path = user.create("pages of JSON", &worst::pages()).await;
    user.patch("... given a CRM", &path, &worst::crm_pages()).await;
    user.patch("... described", &path, DESCRIBED).await;
}
