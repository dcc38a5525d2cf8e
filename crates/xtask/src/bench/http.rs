//! One request to a server on this machine, to look at its answer before it is sent ten thousand times.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};

const END_OF_HEAD: &[u8] = b"\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(20);

/// What is sent; written to a file, it is what `wrk.lua` reads.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) token: Option<String>,
    pub(super) if_none_match: Option<String>,
    pub(super) body: Option<String>,
}

impl Request {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), token: None, if_none_match: None, body: None }
    }

    pub(super) fn signed_in(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub(super) fn line(&self) -> String {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let (token, tag, body) = (&self.token, &self.if_none_match, &self.body);
        format!("{}\t{}\t{}\t{}\t{}", self.method, self.path, or_none(token), or_none(tag), or_none(body))
    }

    fn text(&self, host: &str) -> String {
        let mut text =
            format!("{} {} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n", self.method, self.path);
        let mut header = |name: &str, value: &str| text.extend([name, ": ", value, "\r\n"]);
        if let Some(token) = &self.token {
            header("Authorization", &format!("Bearer {token}"));
        }
        if let Some(tag) = &self.if_none_match {
            header("If-None-Match", tag);
        }
        if let Some(body) = &self.body {
            header("Content-Type", "application/json");
            header("Content-Length", &body.len().to_string());
        }
        text + "\r\n" + self.body.as_deref().unwrap_or_default()
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
}

impl Answer {
    #[cfg(test)]
    pub(super) fn new(status: u16, body: &str) -> Self {
        Self { status, head: String::new(), body: body.to_owned() }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then(|| value.trim()))
    }

    /// Head and body.
    pub(super) fn bytes(&self) -> usize {
        self.head.len() + self.body.len()
    }
}

/// `address` is host and port.
pub(super) fn send(address: &str, request: &Request) -> Result<Answer> {
    let answer =
        exchange(address, request).with_context(|| format!("{} {}", request.method, request.path))?;
    parse(&answer)
        .with_context(|| format!("{} {}: no answer that we understand", request.method, request.path))
}

fn exchange(address: &str, request: &Request) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.text(address).as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

fn parse(bytes: &[u8]) -> Result<Answer> {
    let end = bytes.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD);
    let (head, body) = bytes
        .split_at_checked(end.context("it has no end of its head")? + END_OF_HEAD.len())
        .context("a position is within")?;
    let head = String::from_utf8(head.to_vec())?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("it has no status")?;
    let mut answer = Answer { status, head, body: String::new() };
    let coding = answer.header("transfer-encoding");
    let body = if coding == Some("chunked") { of_chunks(body)? } else { body.to_vec() };
    answer.body = String::from_utf8(body)?;
    Ok(answer)
}

/// Without the last chunk, which is empty, it broke off.
fn of_chunks(mut bytes: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::with_capacity(bytes.len());
    loop {
        let end = bytes.iter().position(|byte| *byte == b'\n').context("it breaks off before a chunk")?;
        let (line, rest) = bytes.split_at_checked(end + 1).context("a position is within")?;
        let length = usize::from_str_radix(std::str::from_utf8(line)?.trim_end(), 16)?;
        if length == 0 {
            return Ok(body);
        }
        let (chunk, rest) = rest.split_at_checked(length).context("it breaks off in a chunk")?;
        body.extend_from_slice(chunk);
        bytes = rest.strip_prefix(b"\r\n").context("a chunk has no end")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_headers_and_a_body() {
        let answer = parse(b"HTTP/1.1 200 OK\r\nETag: \"a:b\"\r\n\r\n[]\r\n\r\n").expect("it is one");
        assert_eq!((answer.status, answer.body.as_str()), (200, "[]\r\n\r\n"));
        assert_eq!(answer.header("etag"), Some("\"a:b\""));
        assert_eq!(answer.bytes(), 38);
        assert!(parse(b"HTTP/1.1 200 OK\r\n").is_err());
    }

    #[test]
    fn an_answer_may_come_in_chunks_and_must_not_break_off() {
        let parse = |body: &str| {
            parse(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}").as_bytes())
        };
        let answer = parse("A\r\n[\"aaaaaaa\"\r\n3\r\n,1]\r\n0\r\n\r\n").expect("it is whole");
        assert_eq!(answer.body, "[\"aaaaaaa\",1]");
        for broken in ["", "A\r\n", "A\r\n[1", "3\r\n[1]", "3\r\n[1]\r\n"] {
            assert!(parse(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn a_request_is_one_line_for_wrk() {
        let list = Request::get("/x").signed_in("t");
        assert_eq!(list.line(), "GET\t/x\tt\t-\t-");
        assert_eq!(
            list.text("h:1"),
            "GET /x HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\nAuthorization: Bearer t\r\n\r\n"
        );
        let create = Request { method: "POST", body: Some("{}".to_owned()), ..list };
        assert_eq!(create.line(), "POST\t/x\tt\t-\t{}");
        assert!(create.text("h:1").ends_with("Content-Length: 2\r\n\r\n{}"));
    }
}
