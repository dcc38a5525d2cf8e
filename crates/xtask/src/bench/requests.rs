//! The measured requests, and their expected responses.

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use ureq::http::{HeaderValue, Method, Request as Http, Response};
use ureq::{Agent, Body};

use super::data::{User, body};

const LIST: &str = "/api/v1/entities/icps";
const PAGE_SIZE: usize = 50;
/// `wrk.lua` replaces this text with another number in each request, so that each write changes the ICP.
pub(super) const PLACEHOLDER: &str = "{...number..}";

static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let timeout = Some(Duration::from_mins(1));
    Agent::config_builder().http_status_as_error(false).timeout_global(timeout).build().into()
});

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum RequestKind {
    /// A list of five ICPs.
    Small,
    Big,
    /// One big list after 49 small ones.
    Mixed,
    /// The second page of the big list.
    Page,
    /// A small list that has not changed.
    Conditional,
    Get,
    Create,
    Patch,
}

impl RequestKind {
    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Patch)
    }
}

/// A request and its expected response.
pub(super) struct Request {
    http: Http<String>,
    status: u16,
    /// The body of the response. For a write, a part of the body.
    expected: String,
}

/// Returns the requests for the server at an address.
pub(super) fn requests(kind: RequestKind, users: &[User], address: &str) -> Result<Vec<Request>> {
    let users_of = |kind: &'static str| users.iter().filter(move |user| user.kind == kind);
    let list = |user: &User| Request::get(address, LIST, user, body(&user.icps));
    let get = |user: &User, (id, json): &(String, String)| {
        Request::get(address, &format!("{LIST}/{id}"), user, json.clone())
    };
    let gets = |user: &User| user.icps.iter().map(|icp| get(user, icp)).collect::<Vec<_>>();
    match kind {
        RequestKind::Small => users_of("reader").map(list).collect(),
        RequestKind::Big => users_of("big").map(list).collect(),
        RequestKind::Mixed => users_of("reader").cycle().take(49).chain(users_of("big")).map(list).collect(),
        RequestKind::Page => users_of("big").map(|user| Request::second_page(address, user)).collect(),
        RequestKind::Conditional => users_of("reader").map(|user| list(user)?.unchanged()).collect(),
        RequestKind::Get => users_of("reader").flat_map(gets).collect(),
        RequestKind::Create => users_of("writer").map(|user| list(user)?.create(user)).collect(),
        RequestKind::Patch => users_of("writer").flat_map(gets).map(|get| Ok(get?.patch())).collect(),
    }
}

impl Request {
    pub(super) fn get(address: &str, path: &str, user: &User, expected: String) -> Result<Self> {
        let http = Http::get(format!("http://{address}{path}"));
        let http = http.header("authorization", format!("Bearer {}", user.token)).body(String::new())?;
        Ok(Self { http, status: 200, expected })
    }

    fn second_page(address: &str, user: &User) -> Result<Self> {
        let page = body(user.icps.get(PAGE_SIZE..2 * PAGE_SIZE).context("the big list has no second page")?);
        let first = Self::get(address, &format!("{LIST}?limit={PAGE_SIZE}"), user, String::new())?.send(0)?;
        let link = first.headers().get("link").context("a page has no link")?.to_str()?;
        Self::get(address, link.split(['<', '>']).nth(1).context("a link has no address")?, user, page)
    }

    fn unchanged(mut self) -> Result<Self> {
        let response = self.send(0)?;
        let tag = response.headers().get("etag").context("a list has no ETag")?;
        self.http.headers_mut().insert("if-none-match", tag.clone());
        Ok(Self { status: 304, expected: String::new(), ..self })
    }

    /// Turns the request into a create with the fields of the user's first ICP.
    fn create(self, user: &User) -> Result<Self> {
        let (_, json) = user.icps.first().context("a writer has no ICPs")?;
        let mut icp: Value = serde_json::from_str(json)?;
        let fields = icp.as_object_mut().context("an ICP is an object")?;
        fields.retain(|name, _| !["id", "createdAt", "updatedAt"].contains(&name.as_str()));
        fields.insert("description".to_owned(), format!("Number {PLACEHOLDER}").into());
        Ok(self.write(Method::POST, icp.to_string(), 201, "Number "))
    }

    /// Turns the request into a change of the ICP that it gets.
    fn patch(self) -> Self {
        self.write(Method::PATCH, format!(r#"{{"description":"Change {PLACEHOLDER}"}}"#), 200, "Change ")
    }

    /// Turns the request into a write. The response must contain a description that starts with `description`.
    fn write(mut self, method: Method, body: String, status: u16, description: &str) -> Self {
        *self.http.method_mut() = method;
        *self.http.body_mut() = body;
        self.http.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
        Self { status, expected: format!(r#""description":"{description}"#), ..self }
    }

    /// Returns the line of the request in the file that `wrk.lua` reads.
    pub(super) fn line(&self) -> String {
        let header =
            |name| self.http.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
        let method = self.http.method();
        let path = self.http.uri().path_and_query().map_or("/", |path| path.as_str());
        let body = Some(self.http.body().as_str()).filter(|body| !body.is_empty()).unwrap_or("-");
        format!("{method}\t{path}\t{}\t{}\t{body}\n", header("authorization"), header("if-none-match"))
    }

    /// Sends the request. `number` replaces [`PLACEHOLDER`] in the body.
    fn send(&self, number: usize) -> Result<Response<Body>> {
        let http = self.http.clone();
        let number = format!("{number:0width$}", width = PLACEHOLDER.len());
        let response = match http.body().as_str() {
            "" => AGENT.run(http.map(drop)),
            _ => AGENT.run(http.map(|body| body.replace(PLACEHOLDER, &number))),
        };
        response.with_context(|| format!("{} {}", self.http.method(), self.http.uri()))
    }

    /// Sends the request and compares its response: byte by byte if `exact`, otherwise as JSON.
    pub(super) fn check(&self, number: usize, exact: bool) -> Result<()> {
        let mut response = self.send(number)?;
        let body = response.body_mut().with_config().limit(u64::MAX).read_to_string()?;
        let equal = if self.http.body().is_empty() {
            body == self.expected || (!exact && is_same_json(&body, &self.expected))
        } else {
            body.contains(&self.expected)
        };
        let (method, uri, status) = (self.http.method(), self.http.uri(), response.status());
        ensure!(equal && status == self.status, "{method} {uri} returned {status} {body:.2000}");
        Ok(())
    }
}

/// Returns true if both texts are the same JSON value. The order of properties is ignored.
fn is_same_json(one: &str, other: &str) -> bool {
    let value = serde_json::from_str::<Value>;
    value(one).is_ok_and(|one| value(other).is_ok_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Vec<User> {
        let user = |kind: &str, icps: usize| User {
            kind: kind.to_owned(),
            token: "t".to_owned(),
            icps: vec![("x".to_owned(), r#"{"id":"x","name":"n"}"#.to_owned()); icps],
        };
        vec![user("big", 100), user("reader", 5), user("reader", 5), user("writer", 5)]
    }

    #[test]
    fn one_of_fifty_lists_is_big() {
        let mixed = requests(RequestKind::Mixed, &users(), "host:1").expect("requests");
        let big = mixed.iter().filter(|request| request.expected.len() > 1_000).count();
        assert_eq!((mixed.len(), big), (50, 1));
    }

    #[test]
    fn requests_are_lines_for_wrk() {
        let first = |kind| requests(kind, &users(), "host:1").expect("requests")[0].line();
        assert_eq!(first(RequestKind::Get), format!("GET\t{LIST}/x\tBearer t\t-\t-\n"));
        let patch = format!("PATCH\t{LIST}/x\tBearer t\t-\t{{\"description\":\"Change {PLACEHOLDER}\"}}\n");
        assert_eq!(first(RequestKind::Patch), patch);
        let create = format!(
            "POST\t{LIST}\tBearer t\t-\t{{\"description\":\"Number {PLACEHOLDER}\",\"name\":\"n\"}}\n"
        );
        assert_eq!(first(RequestKind::Create), create);
    }

    #[test]
    fn json_is_compared_without_order() {
        assert!(is_same_json(r#"{"a":1,"b":[2]}"#, r#"{"b":[2],"a":1}"#));
        assert!(!is_same_json("[1,2]", "[2,1]") && !is_same_json("", ""));
    }
}
