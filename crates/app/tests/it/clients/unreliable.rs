//! A proxy that loses responses and rejects requests, as networks and gateways do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::client;

/// The fate of a request.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    Pass,
    /// The service handles it, and the response is lost.
    Lost,
    /// It is rejected with `Retry-After: 1`.
    Busy,
}

/// The requests that came, by their methods.
type Seen = Arc<Mutex<HashMap<Method, usize>>>;

pub(crate) struct Unreliable {
    pub(crate) address: String,
    seen: Seen,
}

impl Unreliable {
    /// Applies one fate to each request of a method, in order. Later requests pass.
    pub(crate) async fn before(service: &str, fates: &[(Method, &'static [Fate])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("it has an address"));
        let (service, fates, seen) = (service.to_owned(), fates.to_vec(), Seen::default());
        let kept = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (service, fates, seen) = (service.clone(), fates.clone(), Arc::clone(&kept));
                tokio::spawn(async move { handle(connection, &service, &fates, &seen).await });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn seen(&self, method: &Method) -> usize {
        self.seen.lock().expect("no panic").get(method).copied().unwrap_or_default()
    }
}

/// One request; the connection is closed after it.
async fn handle(
    mut connection: TcpStream,
    service: &str,
    fates: &[(Method, &'static [Fate])],
    seen: &Seen,
) -> Option<()> {
    let (head, body) = read(&mut connection).await?;
    let mut words = head.split(' ');
    let (method, path) = (words.next()?.parse::<Method>().ok()?, words.next()?);
    let number = {
        let mut seen = seen.lock().expect("no panic");
        let number = seen.entry(method.clone()).or_default();
        *number += 1;
        *number
    };
    let fate = fates.iter().find(|(of, _)| *of == method).and_then(|(_, fates)| fates.get(number - 1));
    if fate == Some(&Fate::Busy) {
        let busy = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        return connection.write_all(busy.as_bytes()).await.ok();
    }
    let mut request = client().request(method, format!("{service}{path}")).body(body);
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        if !["host", "connection", "content-length", "accept-encoding"]
            .contains(&name.to_lowercase().as_str())
        {
            request = request.header(name, value);
        }
    }
    let response = request.send().await.ok()?;
    let mut answer = format!("HTTP/1.1 {}\r\nconnection: close\r\n", response.status());
    for (name, value) in response.headers() {
        answer.extend([name.as_str(), ": ", value.to_str().ok()?, "\r\n"]);
    }
    let body = response.bytes().await.ok()?;
    if fate == Some(&Fate::Lost) {
        return None;
    }
    connection.write_all(&[(answer + "\r\n").as_bytes(), &body].concat()).await.ok()
}

/// A request's head and body.
async fn read(connection: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
        });
        let body = &bytes[end + 4..];
        if body.len() >= length.unwrap_or(0) {
            return Some((head, body.to_vec()));
        }
    }
}
