//! A server of key sets that can misbehave.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a path is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// These bytes, head and all, and then the end of the connection.
    Raw(Vec<u8>),
    /// The same, a little later.
    Late(Duration, Vec<u8>),
    /// Nothing, ever.
    Hang,
    /// These bytes, and then nothing more, without an end.
    Stall(Vec<u8>),
    /// A body without a length and without an end.
    Endless,
}

impl Reply {
    pub(crate) fn set(document: &str) -> Self {
        Self::Raw(ok(document))
    }

    pub(crate) fn late(delay: Duration, document: &str) -> Self {
        Self::Late(delay, ok(document))
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Raw(format!("HTTP/1.1 {status} Oh\r\nContent-Length: 2\r\n\r\n{{}}").into_bytes())
    }

    /// A status with a good body all the same.
    pub(crate) fn status_with(status: u16, document: &str) -> Self {
        let length = document.len();
        Self::Raw(format!("HTTP/1.1 {status} Oh\r\nContent-Length: {length}\r\n\r\n{document}").into_bytes())
    }

    pub(crate) fn redirect(location: &str) -> Self {
        let head = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        Self::Raw(head.into_bytes())
    }

    /// A body of another length than announced.
    pub(crate) fn lying(length: usize, document: &str) -> Self {
        Self::Raw(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{document}").into_bytes())
    }

    /// A body without an announced length, ended by the connection.
    pub(crate) fn unannounced(document: &str) -> Self {
        Self::Raw(format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{document}").into_bytes())
    }
}

fn ok(document: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{document}", document.len())
        .into_bytes()
}

#[derive(Debug, Default)]
struct State {
    replies: HashMap<String, Reply>,
    requests: HashMap<String, usize>,
}

/// The server. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct KeyServer {
    port: u16,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

const PATH: &str = "/jwks";

impl KeyServer {
    pub(crate) async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let task = tokio::spawn(serve(listener, Arc::clone(&state)));
        let server = Self { port, state, task };
        server.reply(reply);
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// What the key set is answered with from now on.
    pub(crate) fn reply(&self, reply: Reply) {
        self.reply_at(PATH, reply);
    }

    pub(crate) fn reply_at(&self, path: &str, reply: Reply) {
        self.state.lock().unwrap().replies.insert(path.to_owned(), reply);
    }

    /// How often the key set was asked for.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches_at(PATH)
    }

    pub(crate) fn fetches_at(&self, path: &str) -> usize {
        self.state.lock().unwrap().requests.get(path).copied().unwrap_or_default()
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(answer(stream, Arc::clone(&state)));
    }
}

async fn answer(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap().to_owned();
    let reply = {
        let mut state = state.lock().unwrap();
        *state.requests.entry(path.clone()).or_default() += 1;
        state.replies.get(&path).cloned().unwrap_or(Reply::status(404))
    };
    send(&mut stream, reply).await;
}

/// The other side may hang up at any time, which is what some tests are about.
async fn send(stream: &mut TcpStream, reply: Reply) {
    match reply {
        Reply::Raw(bytes) => drop(stream.write_all(&bytes).await),
        Reply::Late(delay, bytes) => {
            tokio::time::sleep(delay).await;
            drop(stream.write_all(&bytes).await);
        }
        Reply::Hang => std::future::pending().await,
        Reply::Stall(bytes) => {
            drop(stream.write_all(&bytes).await);
            std::future::pending::<()>().await;
        }
        Reply::Endless => {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await);
            while stream.write_all(&[b' '; 8_192]).await.is_ok() {}
        }
    }
}
