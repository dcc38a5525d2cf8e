//! A server of key sets with configurable failures.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The response to requests for one path.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Sends these bytes, including the status line and the headers, and closes the connection.
    Raw(Vec<u8>),
    /// Waits for the delay, and then does the same as `Raw`.
    Late(Duration, Vec<u8>),
    /// Keeps the connection open without a response.
    Hang,
    /// Sends these bytes, and keeps the connection open without further data.
    Stall(Vec<u8>),
    /// Sends a body without `Content-Length` that never ends.
    Endless,
}

impl Reply {
    /// A key set with the status 200.
    pub(crate) fn set(document: &str) -> Self {
        Self::status_with(200, document)
    }

    pub(crate) fn late(delay: Duration, document: &str) -> Self {
        Self::Late(delay, response("200 OK", &format!("Content-Length: {}", document.len()), document))
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::status_with(status, "{}")
    }

    pub(crate) fn status_with(status: u16, document: &str) -> Self {
        let length = format!("Content-Length: {}\r\nConnection: close", document.len());
        Self::Raw(response(&format!("{status} Reason"), &length, document))
    }

    pub(crate) fn redirect(location: &str) -> Self {
        Self::Raw(response("302 Found", &format!("Location: {location}\r\nContent-Length: 0"), ""))
    }

    /// A body whose length differs from `Content-Length`.
    pub(crate) fn wrong_length(length: usize, document: &str) -> Self {
        Self::Raw(response("200 OK", &format!("Content-Length: {length}"), document))
    }

    /// A body without `Content-Length`. The end of the connection ends the body.
    pub(crate) fn without_length(document: &str) -> Self {
        Self::Raw(response("200 OK", "Connection: close", document))
    }
}

fn response(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}\r\n\r\n{body}").into_bytes()
}

/// The reply to requests for each path, and the number of these requests.
type Paths = Arc<Mutex<HashMap<String, (Reply, usize)>>>;

/// A running key server. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct KeyServer {
    url: String,
    paths: Paths,
    task: JoinHandle<()>,
}

const PATH: &str = "/jwks";

impl KeyServer {
    pub(crate) async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}{PATH}", listener.local_addr().unwrap());
        let paths = Paths::default();
        let server = Self { url, task: tokio::spawn(serve(listener, Arc::clone(&paths))), paths };
        server.reply(reply);
        server
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Sets the reply to requests for the key set.
    pub(crate) fn reply(&self, reply: Reply) {
        self.reply_at(PATH, reply);
    }

    pub(crate) fn reply_at(&self, path: &str, reply: Reply) {
        let requests = self.fetches_at(path);
        self.paths.lock().unwrap().insert(path.to_owned(), (reply, requests));
    }

    /// Returns the number of requests for the key set.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches_at(PATH)
    }

    pub(crate) fn fetches_at(&self, path: &str) -> usize {
        self.paths.lock().unwrap().get(path).map_or(0, |(_, requests)| *requests)
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, paths: Paths) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(serve_connection(stream, Arc::clone(&paths)));
    }
}

/// Answers one request. Ignores write errors, because in some tests the client closes the connection early.
async fn serve_connection(mut stream: TcpStream, paths: Paths) -> Option<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.ok()?);
    }
    let path = String::from_utf8(request).unwrap().split(' ').nth(1)?.to_owned();
    let reply = {
        let mut paths = paths.lock().unwrap();
        let (reply, requests) = paths.get_mut(&path)?;
        *requests += 1;
        reply.clone()
    };
    match reply {
        Reply::Raw(bytes) => stream.write_all(&bytes).await.ok()?,
        Reply::Late(delay, bytes) => {
            tokio::time::sleep(delay).await;
            stream.write_all(&bytes).await.ok()?;
        }
        Reply::Hang => std::future::pending().await,
        Reply::Stall(bytes) => {
            stream.write_all(&bytes).await.ok()?;
            std::future::pending::<()>().await;
        }
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
            while stream.write_all(&[b' '; 8_192]).await.is_ok() {}
        }
    }
    Some(())
}
