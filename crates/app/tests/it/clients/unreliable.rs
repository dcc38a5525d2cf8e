//! A proxy that loses responses and rejects requests, like an unreliable network or gateway.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::client;

/// The action of the proxy for one request.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum ProxyAction {
    Forward,
    /// Forwards the request to the service, but not the response to the client.
    LoseResponse,
    /// Rejects the request with `Retry-After: 1`.
    Reject,
}

/// The number of received requests per method.
type RequestCounts = Arc<Mutex<HashMap<Method, usize>>>;

pub(crate) struct UnreliableProxy {
    pub(crate) address: String,
    counts: RequestCounts,
}

impl UnreliableProxy {
    /// Starts a proxy for `service`. The n-th request of a method gets the n-th action of its list. Later requests
    /// are forwarded.
    pub(crate) async fn start(service: &str, actions: &[(Method, &'static [ProxyAction])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the listener must bind the port");
        let address = format!("http://{}", listener.local_addr().expect("the listener must have an address"));
        let (service, actions, counts) = (service.to_owned(), actions.to_vec(), RequestCounts::default());
        let shared_counts = Arc::clone(&counts);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (service, actions, counts) =
                    (service.clone(), actions.clone(), Arc::clone(&shared_counts));
                tokio::spawn(async move { handle_connection(connection, &service, &actions, &counts).await });
            }
        });
        Self { address, counts }
    }

    pub(crate) fn request_count(&self, method: &Method) -> usize {
        self.counts.lock().expect("the lock must not be poisoned").get(method).copied().unwrap_or_default()
    }
}

/// Handles one request, and closes the connection.
async fn handle_connection(
    mut connection: TcpStream,
    service: &str,
    actions: &[(Method, &'static [ProxyAction])],
    counts: &RequestCounts,
) -> Option<()> {
    let (head, body) = read_request(&mut connection).await?;
    let mut words = head.split(' ');
    let (method, path) = (words.next()?.parse::<Method>().ok()?, words.next()?);
    let number = {
        let mut counts = counts.lock().expect("the lock must not be poisoned");
        let number = counts.entry(method.clone()).or_default();
        *number += 1;
        *number
    };
    let action = actions
        .iter()
        .find(|(action_method, _)| *action_method == method)
        .and_then(|(_, actions)| actions.get(number - 1));
    if action == Some(&ProxyAction::Reject) {
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
    let mut response_head = format!("HTTP/1.1 {}\r\nconnection: close\r\n", response.status());
    for (name, value) in response.headers() {
        response_head.extend([name.as_str(), ": ", value.to_str().ok()?, "\r\n"]);
    }
    let body = response.bytes().await.ok()?;
    if action == Some(&ProxyAction::LoseResponse) {
        return None;
    }
    connection.write_all(&[(response_head + "\r\n").as_bytes(), &body].concat()).await.ok()
}

/// Reads a request. Returns its head and its body.
async fn read_request(connection: &mut TcpStream) -> Option<(String, Vec<u8>)> {
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
