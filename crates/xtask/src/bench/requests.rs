//! What is asked, and what has to come of it.

use anyhow::{Context, Result, bail};

use super::data::{Data, Icp};
use super::http::{Answer, Request, send};
use super::tokens::Tokens;
use super::wrk::MARK;

pub(super) const LIST: &str = "/api/v1/entities/icps";

/// The kinds of requests that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    Small,
    Big,
    /// One big list after 49 small ones.
    Mixed,
    /// Lists that have not changed.
    Conditional,
    Get,
    Create,
    Patch,
    /// From memory: bodies as long as those lists.
    SmallBytes,
    BigBytes,
}

/// A request with the answer that it must have.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) request: Request,
    pub(super) status: u16,
    pub(super) body: Body,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Is(String),
    Holds(&'static str),
}

/// The requests of a kind. `address` is where lists have their `ETag`s from.
pub(super) fn of(what: What, data: &Data, tokens: &Tokens, address: &str) -> Result<Vec<Expected>> {
    match what {
        What::Small => data.readers().iter().map(|user| list(data, tokens, user)).collect(),
        What::Big => Ok(vec![list(data, tokens, &Data::big_user())?]),
        What::Mixed => {
            let small = data.readers().into_iter().cycle().take(49);
            small.chain([Data::big_user()]).map(|user| list(data, tokens, &user)).collect()
        }
        What::Conditional => {
            data.readers().iter().map(|user| unchanged(list(data, tokens, user)?, address)).collect()
        }
        What::Get => each_icp(data, tokens, &data.readers(), Expected::get),
        What::Create => each_icp(data, tokens, &data.writers(), |icp, request| {
            Expected::create(create_body(&icp.json), request)
        }),
        What::Patch => each_icp(data, tokens, &data.writers(), Expected::patch),
        What::SmallBytes => Ok(vec![bytes(data, "small")]),
        What::BigBytes => Ok(vec![bytes(data, "big")]),
    }
}

/// The bodies that are answered with from memory: those of a user with five ICPs, and of the one who has many.
pub(super) fn body_from_memory(data: &Data, name: &str) -> String {
    let readers = data.readers();
    let five = readers.into_iter().find(|user| data.of(user).len() == 5).unwrap_or_default();
    data.list(&if name == "big" { Data::big_user() } else { five })
}

fn bytes(data: &Data, name: &'static str) -> Expected {
    let body = Body::Is(body_from_memory(data, name));
    Expected { request: Request::get(format!("/{name}")), status: 200, body }
}

fn list(data: &Data, tokens: &Tokens, user: &str) -> Result<Expected> {
    let request = Request::get(LIST).signed_in(token(tokens, user)?);
    Ok(Expected { request, status: 200, body: Body::Is(data.list(user)) })
}

fn token<'a>(tokens: &'a Tokens, user: &str) -> Result<&'a str> {
    tokens.get(user).map(String::as_str).with_context(|| format!("user {user} has no token"))
}

/// The same list for somebody who has it already.
fn unchanged(list: Expected, address: &str) -> Result<Expected> {
    let answer = send(address, &list.request)?;
    let tag = answer.header("etag").context("a list has no ETag")?.to_owned();
    let request = Request { if_none_match: Some(tag), ..list.request };
    Ok(Expected { request, status: 304, body: Body::Is(String::new()) })
}

fn each_icp(
    data: &Data,
    tokens: &Tokens,
    users: &[String],
    expected: impl Fn(&Icp, Request) -> Expected,
) -> Result<Vec<Expected>> {
    let mut all = Vec::new();
    for user in users {
        let request = Request::get(LIST).signed_in(token(tokens, user)?);
        all.extend(data.of(user).into_iter().map(|icp| expected(icp, request.clone())));
    }
    Ok(all)
}

/// What creates an ICP like this one; its name stays, its description is another each time.
pub(super) fn create_body(json: &str) -> String {
    let cut = |start: &str, end: &str| {
        let (_, rest) = json.split_once(start).unwrap_or_default();
        rest.split_once(end).map_or("", |(part, _)| part)
    };
    let (name, criteria) =
        (cut(r#""name":"#, r#","description""#), cut(r#""leadProviderCriteria":"#, r#","userIds""#));
    format!(r#"{{"name":{name},"description":"Number {MARK}","leadProviderCriteria":{criteria}}}"#)
}

/// Sends each once. How many bytes an answer has on average, head and body.
#[expect(clippy::cast_precision_loss, reason = "there are hundreds")]
pub(super) fn check(address: &str, all: &[Expected]) -> Result<f64> {
    let mut bytes = 0;
    for (number, expected) in all.iter().enumerate() {
        let filled = |body: String| body.replace(MARK, &format!("{number:0width$}", width = MARK.len()));
        let request = Request { body: expected.request.body.clone().map(filled), ..expected.request.clone() };
        let answer = send(address, &request)?;
        expected.check(&answer)?;
        bytes += answer.bytes();
    }
    Ok(bytes as f64 / all.len() as f64)
}

impl Expected {
    /// Each from a request that is signed in.
    pub(super) fn get(icp: &Icp, request: Request) -> Self {
        let request = Request { path: format!("{LIST}/{}", icp.id), ..request };
        Self { request, status: 200, body: Body::Is(icp.json.clone()) }
    }

    pub(super) fn create(body: String, request: Request) -> Self {
        let request = Request { method: "POST", body: Some(body), ..request };
        Self { request, status: 201, body: Body::Holds(r#""description":"Number "#) }
    }

    pub(super) fn patch(icp: &Icp, request: Request) -> Self {
        let (path, body) = (format!("{LIST}/{}", icp.id), format!(r#"{{"description":"Change {MARK}"}}"#));
        let request = Request { method: "PATCH", path, body: Some(body), ..request };
        Self { request, status: 200, body: Body::Holds(r#""description":"Change "#) }
    }

    pub(super) fn check(&self, answer: &Answer) -> Result<()> {
        let right = match &self.body {
            Body::Is(body) => answer.body == *body,
            Body::Holds(part) => answer.body.contains(part),
        };
        if answer.status == self.status && right {
            return Ok(());
        }
        let (method, path) = (self.request.method, &self.request.path);
        bail!("{method} {path} is answered {}: {:.2000}", answer.status, answer.body)
    }
}

#[cfg(test)]
mod tests {
    use icp_domain::NewIcp;

    use super::super::data::Size;
    use super::*;

    fn requests(what: What) -> Vec<Expected> {
        let data = Data::generate(Size::QUICK);
        let users = [data.readers(), data.writers(), vec![Data::big_user()]].concat();
        let tokens = users.into_iter().map(|user| (user.clone(), format!("token of {user}"))).collect();
        of(what, &data, &tokens, "").expect("requests")
    }

    #[test]
    fn bodies_may_be_written() {
        for expected in requests(What::Create) {
            NewIcp::from_json(expected.request.body.as_deref().expect("a body")).expect("it may be written");
        }
    }

    #[test]
    fn one_of_fifty_is_big() {
        let mixed = requests(What::Mixed);
        let big: Vec<_> =
            mixed.iter().filter(|one| matches!(&one.body, Body::Is(body) if body.len() > 50_000)).collect();
        assert_eq!((mixed.len(), big.len()), (50, 1));
    }

    #[test]
    fn an_answer_is_the_expected_one_or_the_run_fails() {
        let request = Request::get("/");
        let is = Expected { request: request.clone(), status: 200, body: Body::Is("[]".to_owned()) };
        let holds = Expected { request, status: 201, body: Body::Holds("name") };
        let answer = |status, body: &str| Answer::new(status, body);
        assert!(is.check(&answer(200, "[]")).is_ok() && holds.check(&answer(201, "a name")).is_ok());
        assert!(is.check(&answer(200, "[{}]")).is_err() && is.check(&answer(304, "[]")).is_err());
        assert!(holds.check(&answer(201, "")).is_err() && holds.check(&answer(200, "name")).is_err());
    }
}
