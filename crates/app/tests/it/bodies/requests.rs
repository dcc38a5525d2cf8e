//! Sends generated requests, and checks each response.

use std::collections::BTreeSet;
use std::time::Duration;

use icp_domain::{Caller, Icp, Rules, Timestamp, UserId};
use icp_testkit::fixtures::user;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::bodies::expected::{check_refusal, evaluate_patch, evaluate_post};
use crate::bodies::generator::{Action, FULL_BODY, Key, Request};
use crate::support::{LIST, Response, Service};

/// The number of ICPs that the requests patch.
pub(crate) const TARGET_COUNT: usize = 8;

/// The result of a request.
pub(crate) struct Outcome {
    pub(crate) action: Action,
    pub(crate) status: u16,
    /// The codes of the reported violations.
    pub(crate) codes: BTreeSet<String>,
    /// The ICP in the response, and its text.
    pub(crate) icp: Option<(Icp, String)>,
}

/// A client that sends creates as a user, and patches as an admin.
pub(crate) struct Sender<'a> {
    service: &'a Service,
    client: Client,
    creator: (UserId, String),
    admin: (Caller, String),
    pub(crate) targets: Vec<Icp>,
}

impl<'a> Sender<'a> {
    pub(crate) async fn new(service: &'a Service) -> Self {
        let client = Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .timeout(Duration::from_secs(20))
            .build()
            .expect("the client must be built");
        let (creator, admin) = (user("user_creator"), user("user_root"));
        let tokens = (service.token(creator.as_str()), service.admin_token(admin.as_str()));
        let mut targets = Vec::new();
        let full: Value = serde_json::from_str(FULL_BODY).expect("the text must be JSON");
        for _ in 0..TARGET_COUNT {
            targets.push(parse_icp(&service.create(&tokens.0, &full).await));
        }
        Self {
            service,
            client,
            creator: (creator, tokens.0),
            admin: (Caller::admin(admin), tokens.1),
            targets,
        }
    }

    /// Sends a request, and checks the response.
    pub(crate) async fn send(&self, request: &Request) -> Outcome {
        let response = Response::fetch(self.build(request)).await;
        let status = response.status.as_u16();
        let (codes, icp) = match request.action {
            Action::Post => self.check_post(request, response).await,
            Action::Patch(target) => self.check_patch(request, &self.targets[target], response),
        };
        Outcome { action: request.action, status, codes, icp }
    }

    fn build(&self, request: &Request) -> RequestBuilder {
        let builder = match request.action {
            Action::Post => self.request(Method::POST, LIST).bearer_auth(&self.creator.1),
            Action::Patch(target) => {
                let path = format!("{LIST}/{}", self.targets[target].id);
                self.request(Method::PATCH, &path).bearer_auth(&self.admin.1)
            }
        };
        let builder = match request.content_type.text {
            Some(text) => builder.header("content-type", text),
            None => builder,
        };
        let builder = match request.key() {
            Some(key) => builder.header("idempotency-key", key),
            None => builder,
        };
        builder.body(request.body.clone())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.service.address))
    }

    async fn check_post(&self, request: &Request, response: Response) -> CheckedResponse {
        if matches!(request.key, Key::Shared(_)) && response.status == 422 {
            response.assert_problem(422, "IDEMPOTENCY_KEY_REUSED");
            evaluate_post(request, &self.creator.0).expect("only a valid body may get a 422");
            return (BTreeSet::new(), None);
        }
        let expected = match evaluate_post(request, &self.creator.0) {
            Ok(expected) => expected,
            Err(reasons) => return (check_refusal(&response, &reasons), None),
        };
        assert_eq!(
            response.status, 201,
            "the service must accept a body that the domain accepts: {response:?}"
        );
        let icp = parse_icp(&response);
        let (id, created_at, updated_at) = (icp.id, icp.created_at, icp.updated_at);
        assert_eq!(
            icp,
            Icp { id, created_at, updated_at, ..expected },
            "the response must contain the ICP that was sent"
        );
        assert_eq!(created_at, updated_at);

        let path = format!("{LIST}/{id}");
        assert_eq!(response.header("location"), path);
        let read = Response::fetch(self.request(Method::GET, &path).bearer_auth(&self.creator.1)).await;
        assert_eq!(
            (read.status.as_u16(), &read.body),
            (200, &response.body),
            "GET must return the body of the response to the create"
        );
        if request.key != Key::None {
            let repeated = Response::fetch(self.build(request)).await;
            assert_eq!(
                (repeated.status.as_u16(), &repeated.body),
                (201, &response.body),
                "a repeated key must return the first response"
            );
        }
        (BTreeSet::new(), Some((icp, response.body)))
    }

    fn check_patch(&self, request: &Request, target: &Icp, response: Response) -> CheckedResponse {
        let patch = match evaluate_patch(request, &self.admin.0, target) {
            Ok(patch) => patch,
            Err(reasons) => return (check_refusal(&response, &reasons), None),
        };
        assert_eq!(
            response.status, 200,
            "the service must accept a body that the domain accepts: {response:?}"
        );
        let icp = parse_icp(&response);
        assert_eq!((icp.id, icp.created_at), (target.id, target.created_at));
        let changed = patch.apply(&icp, &self.admin.0, Timestamp::UNIX_EPOCH);
        assert_eq!(changed, Ok(None), "the response must contain the changes of the patch");
        (BTreeSet::new(), Some((icp, response.body)))
    }
}

/// The codes of the violations of a refused request, or the ICP of an accepted request and its text.
type CheckedResponse = (BTreeSet<String>, Option<(Icp, String)>);

/// Parses the ICP of a response. Checks that the ICP is valid and in its canonical JSON form.
fn parse_icp(response: &Response) -> Icp {
    let icp = Icp::from_json(&response.body, Rules::Strict);
    let icp = icp.unwrap_or_else(|violations| panic!("{violations} in {response:?}"));
    assert_eq!(icp.to_json(), response.body);
    icp
}
