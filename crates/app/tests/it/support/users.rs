//! Sends the requests of a signed-in user, and checks responses.

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::support::{LIST, Response, Service, client};

/// A valid body of a create that has only the required fields.
pub(crate) const MINIMAL_BODY: &str = r#"{"name":"SMB","leadProviderCriteria":[]}"#;

/// The codes that a violation may have.
const VIOLATION_CODES: [&str; 9] = [
    "required",
    "unknown_field",
    "invalid_type",
    "invalid_value",
    "out_of_range",
    "too_long",
    "duplicate",
    "read_only",
    "malformed",
];

/// A user who is signed in to a service.
pub(crate) struct User<'a> {
    service: &'a Service,
    client: Client,
    pub(crate) token: String,
}

impl<'a> User<'a> {
    pub(crate) fn new(service: &'a Service, token: String) -> Self {
        Self { service, client: client(), token }
    }
}

impl User<'_> {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.service.address)).bearer_auth(&self.token)
    }

    pub(crate) fn get_request(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post_request(&self, body: &(impl ToString + ?Sized)) -> RequestBuilder {
        let request = self.request(Method::POST, LIST).header("content-type", "application/json");
        request.body(body.to_string())
    }

    pub(crate) fn patch_request(&self, path: &str, body: &(impl ToString + ?Sized)) -> RequestBuilder {
        let request = self.request(Method::PATCH, path).header("content-type", "application/json");
        request.body(body.to_string())
    }

    pub(crate) fn delete_request(&self, path: &str) -> RequestBuilder {
        self.request(Method::DELETE, path)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        Response::fetch(self.get_request(path)).await
    }

    pub(crate) async fn post(&self, body: impl ToString) -> Response {
        Response::fetch(self.post_request(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: impl ToString) -> Response {
        Response::fetch(self.patch_request(path, &body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Response {
        Response::fetch(self.delete_request(path)).await
    }

    /// Adds a user to an ICP.
    pub(crate) async fn share(&self, path: &str, user_id: &str) -> Response {
        Response::fetch(self.request(Method::PUT, &format!("{path}/users/{user_id}"))).await
    }

    /// Removes a user from an ICP.
    pub(crate) async fn unshare(&self, path: &str, user_id: &str) -> Response {
        self.delete(&format!("{path}/users/{user_id}")).await
    }

    /// Creates an ICP, which must succeed.
    #[track_caller]
    pub(crate) fn create(&self, body: impl ToString) -> impl Future<Output = Response> {
        let (location, response) = (std::panic::Location::caller(), self.post(body));
        async move {
            let response = response.await;
            assert_eq!(response.status, 201, "{location}: {response:?}");
            response
        }
    }

    /// Returns the body of the user's list.
    pub(crate) async fn list(&self) -> String {
        let response = self.get(LIST).await;
        assert_eq!(response.status, 200, "{response:?}");
        response.body
    }

    /// Returns the names of the ICPs in the user's list.
    pub(crate) async fn list_names(&self) -> Vec<String> {
        let list: Vec<Value> = serde_json::from_str(&self.list().await).expect("the body must be a list");
        list.iter().map(|icp| icp["name"].as_str().expect("the ICP must have a name").to_owned()).collect()
    }
}

impl Response {
    #[track_caller]
    pub(crate) fn assert_ok(self) -> Self {
        assert_eq!(self.status, 200, "{self:?}");
        self
    }

    pub(crate) fn etag(&self) -> &str {
        self.header("etag")
    }

    /// Returns the sorted violations of a rejected request as `pointer code` or `parameter code`. Each violation must
    /// have the format of the API.
    #[track_caller]
    pub(crate) fn violations(&self) -> Vec<String> {
        self.assert_problem(400, "BAD_REQUEST");
        let problem = self.json();
        let violations =
            problem["errors"].as_array().unwrap_or_else(|| panic!("the problem must have errors: {problem}"));
        let mut violations: Vec<String> = violations.iter().map(format_violation).collect();
        violations.sort();
        violations
    }

    /// Checks that the response rejects the value of a parameter.
    #[track_caller]
    pub(crate) fn assert_invalid_parameter(&self, parameter: &str) {
        self.assert_problem(400, "BAD_REQUEST");
        let errors = &self.json()["errors"];
        assert_eq!(errors.as_array().map(Vec::len), Some(1), "{self:?}");
        assert_eq!(errors[0]["parameter"], parameter, "{self:?}");
        assert_eq!(errors[0]["code"], "invalid_value", "{self:?}");
        assert!(is_sentence(&errors[0]["detail"]), "{self:?}");
    }
}

#[track_caller]
fn format_violation(violation: &Value) -> String {
    let fields: Vec<&String> =
        violation.as_object().expect("the violation must be an object").keys().collect();
    assert_eq!(fields.len(), 3, "{violation}");
    let location = if fields.contains(&&"pointer".to_owned()) { "pointer" } else { "parameter" };
    let [location, code] =
        [location, "code"].map(|field| violation[field].as_str().expect("the value must be a string"));
    assert!(VIOLATION_CODES.contains(&code), "{violation}");
    assert!(is_sentence(&violation["detail"]), "{violation}");
    format!("{location} {code}")
}

fn is_sentence(detail: &Value) -> bool {
    detail.as_str().is_some_and(|text| text.trim() == text && text.split(' ').count() > 1)
}
