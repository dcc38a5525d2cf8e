//! The measured requests, and their expected responses.

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use ureq::http::{HeaderValue, Method, Request as Http, Response};
use ureq::{Agent, Body};

use super::data::{User, body};

const LIST: &str = "/api/v1/entities/icps";
const PAGE: usize = 50;
/// `wrk.lua` replaces it with another number in each request, so that every write changes something.
pub(super) const MARK: &str = "{...number..}";

static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let timeout = Some(Duration::from_mins(1));
    Agent::config_builder().http_status_as_error(false).timeout_global(timeout).build().into()
});

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
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

impl What {
    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Patch)
    }
}

/// A request and its expected response.
pub(super) struct Request {
    http: Http<String>,
    status: u16,
    /// The body of the response; for a write, a part of it.
    expected: String,
}

/// Returns the requests for the server at an address.
pub(super) fn requests(what: What, users: &[User], address: &str) -> Result<Vec<Request>> {
    let of = |kind: &'static str| users.iter().filter(move |user| user.kind == kind);
    let list = |user: &User| Request::get(address, LIST, user, body(&user.icps));
    let get = |user: &User, (id, json): &(String, String)| {
        Request::get(address, &format!("{LIST}/{id}"), user, json.clone())
    };
    let gets = |user: &User| user.icps.iter().map(|icp| get(user, icp)).collect::<Vec<_>>();
    match what {
        What::Small => of("reader").map(list).collect(),
        What::Big => of("big").map(list).collect(),
        What::Mixed => of("reader").cycle().take(49).chain(of("big")).map(list).collect(),
        What::Page => of("big").map(|user| Request::second_page(address, user)).collect(),
        What::Conditional => of("reader").map(|user| list(user)?.unchanged()).collect(),
        What::Get => of("reader").flat_map(gets).collect(),
        What::Create => of("writer").map(|user| list(user)?.create(user)).collect(),
        What::Patch => of("writer").flat_map(gets).map(|get| Ok(get?.patch())).collect(),
    }
}

impl Request {
    pub(super) fn get(address: &str, path: &str, user: &User, expected: String) -> Result<Self> {
        let http = Http::get(format!("http://{address}{path}"));
        let http = http.header("authorization", format!("Bearer {}", user.token)).body(String::new())?;
        Ok(Self { http, status: 200, expected })
    }

    fn second_page(address: &str, user: &User) -> Result<Self> {
        let page = body(user.icps.get(PAGE..2 * PAGE).context("the big list has no second page")?);
        let first = Self::get(address, &format!("{LIST}?limit={PAGE}"), user, String::new())?.send(0)?;
        let link = first.headers().get("link").context("a page has no link")?.to_str()?;
        Self::get(address, link.split(['<', '>']).nth(1).context("a link has no address")?, user, page)
    }

    fn unchanged(mut self) -> Result<Self> {
        let response = self.send(0)?;
        let tag = response.headers().get("etag").context("a list has no ETag")?;
        self.http.headers_mut().insert("if-none-match", tag.clone());
        Ok(Self { status: 304, expected: String::new(), ..self })
    }

    /// Creates a copy of the user's first ICP.
    fn create(self, user: &User) -> Result<Self> {
        let (_, json) = user.icps.first().context("a writer has no ICPs")?;
        let mut icp: Value = serde_json::from_str(json)?;
        let fields = icp.as_object_mut().context("an ICP is an object")?;
        fields.retain(|name, _| !["id", "createdAt", "updatedAt"].contains(&name.as_str()));
        fields.insert("description".to_owned(), format!("Number {MARK}").into());
        Ok(self.write(Method::POST, icp.to_string(), 201, "Number "))
    }

    /// Changes the ICP that the request gets.
    fn patch(self) -> Self {
        self.write(Method::PATCH, format!(r#"{{"description":"Change {MARK}"}}"#), 200, "Change ")
    }

    /// `description` is the start of the written one.
    fn write(mut self, method: Method, body: String, status: u16, description: &str) -> Self {
        *self.http.method_mut() = method;
        *self.http.body_mut() = body;
        self.http.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
        Self { status, expected: format!(r#""description":"{description}"#), ..self }
    }

    /// The line of a file that `wrk.lua` reads.
    pub(super) fn line(&self) -> String {
        let header =
            |name| self.http.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
        let (method, path) =
            (self.http.method(), self.http.uri().path_and_query().map_or("/", |path| path.as_str()));
        let body = Some(self.http.body().as_str()).filter(|body| !body.is_empty()).unwrap_or("-");
        format!("{method}\t{path}\t{}\t{}\t{body}\n", header("authorization"), header("if-none-match"))
    }

    /// `number` replaces [`MARK`] in the body.
    fn send(&self, number: usize) -> Result<Response<Body>> {
        let http = self.http.clone();
        let number = format!("{number:0width$}", width = MARK.len());
        let response = match http.body().as_str() {
            "" => AGENT.run(http.map(drop)),
            _ => AGENT.run(http.map(|body| body.replace(MARK, &number))),
        };
        response.with_context(|| format!("{} {}", self.http.method(), self.http.uri()))
    }

    /// Sends the request and compares its response, as JSON or byte by byte.
    pub(super) fn check(&self, number: usize, to_the_byte: bool) -> Result<()> {
        let mut response = self.send(number)?;
        let body = response.body_mut().with_config().limit(u64::MAX).read_to_string()?;
        let equal = if self.http.body().is_empty() {
            body == self.expected || (!to_the_byte && same(&body, &self.expected))
        } else {
            body.contains(&self.expected)
        };
        let (method, uri, status) = (self.http.method(), self.http.uri(), response.status());
        ensure!(
            equal && status == self.status,
            "unexpected response to {method} {uri}: {status} {body:.2000}"
        );
        Ok(())
    }
}

/// Returns true if both are the same JSON. Members may be in another order.
fn same(one: &str, other: &str) -> bool {
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
        let mixed = requests(What::Mixed, &users(), "host:1").expect("requests");
        let big = mixed.iter().filter(|request| request.expected.len() > 1_000).count();
        assert_eq!((mixed.len(), big), (50, 1));
    }

    #[test]
    fn requests_are_lines_for_wrk() {
        let first = |what| requests(what, &users(), "host:1").expect("requests")[0].line();
        assert_eq!(first(What::Get), format!("GET\t{LIST}/x\tBearer t\t-\t-\n"));
        let patch = format!("PATCH\t{LIST}/x\tBearer t\t-\t{{\"description\":\"Change {MARK}\"}}\n");
        assert_eq!(first(What::Patch), patch);
        let create =
            format!("POST\t{LIST}\tBearer t\t-\t{{\"description\":\"Number {MARK}\",\"name\":\"n\"}}\n");
        assert_eq!(first(What::Create), create);
    }

    #[test]
    fn json_is_compared_without_order() {
        assert!(same(r#"{"a":1,"b":[2]}"#, r#"{"b":[2],"a":1}"#));
        assert!(!same("[1,2]", "[2,1]") && !same("", ""));
    }
}
