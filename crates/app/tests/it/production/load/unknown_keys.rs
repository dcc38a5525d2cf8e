//! Tests tokens with unknown key IDs while the key server does not respond.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::clerk::Clerk;
use crate::support::{LIST, Service, Setup, client, eventually};

const CLIENTS: usize = 64;
const UNKNOWN_KEYS: usize = 512;
const LOAD_DURATION: Duration = Duration::from_secs(4);
/// The limit of the additional response time under load.
const MAX_ADDITIONAL_TIME: Duration = Duration::from_millis(100);

/// Starts a server that returns a key set until `hangs` is true. Returns the URL of the key set.
fn start_key_server(document: String, hangs: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the listener must bind the port");
    let url =
        format!("http://{}/jwks.json", listener.local_addr().expect("the listener must have an address"));
    std::thread::spawn(move || {
        let mut open_streams: Vec<TcpStream> = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            if hangs.load(Ordering::Relaxed) {
                open_streams.push(stream);
                continue;
            }
            let length = document.len();
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
            let _ = stream.write_all((head + &document).as_bytes());
        }
    });
    url
}

/// Requests lists repeatedly with a known key, every second time with a new token. Every response must have status
/// 200. Returns the sorted response times.
async fn list_with_known_keys(service: &Service, clerk: &Clerk, time: Duration) -> Vec<Duration> {
    let (client, url) = (client(), format!("{}{LIST}", service.address));
    let known_token = clerk.session("user_ada", json!({}));
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed() < time {
        let new_token = clerk.session("user_ada", json!({"jti": times.len().to_string()}));
        let token = if times.len() % 2 == 0 { &known_token } else { &new_token };
        let sent = Instant::now();
        let response = client.get(&url).bearer_auth(token).send().await.expect("the service must respond");
        times.push(sent.elapsed());
        assert_eq!(response.status(), 200);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    times.sort();
    times
}

fn p99(sorted: &[Duration]) -> Duration {
    sorted.get(sorted.len() * 99 / 100).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute: cargo xtask test --all"]
async fn unknown_keys_do_not_delay_known_keys() {
    let (clerk, hangs) = (Arc::new(Clerk::new()), Arc::new(AtomicBool::new(false)));
    let url = start_key_server(clerk.key_set().to_string(), Arc::clone(&hangs));
    let setup = Setup::new().with("ICP__AUTH__ISSUER", &clerk.issuer).with("ICP__AUTH__JWKS_URL", &url);
    let service = setup.with("ICP__LOG__LEVEL", "warn").start();
    let is_ready = async || service.get("/health/ready", None).await.status == 200;
    assert!(eventually(Duration::from_secs(10), is_ready).await, "{}", service.log());
    let idle = p99(&list_with_known_keys(&service, &clerk, Duration::from_secs(2)).await);

    hangs.store(true, Ordering::Relaxed);
    let unknown_tokens: Vec<_> =
        (0..UNKNOWN_KEYS).map(|number| clerk.session_of_key(&format!("key_{number}"))).collect();
    let (unknown_tokens, url, end) =
        (Arc::new(unknown_tokens), format!("{}{LIST}", service.address), Instant::now() + LOAD_DURATION);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|first| {
            let (unknown_tokens, url) = (Arc::clone(&unknown_tokens), url.clone());
            tokio::spawn(async move {
                let (client, mut statuses) = (client(), [0_u32; 600]);
                for token in unknown_tokens.iter().cycle().skip(first * UNKNOWN_KEYS / CLIENTS) {
                    if Instant::now() > end {
                        break;
                    }
                    let response =
                        client.get(&url).bearer_auth(token).send().await.expect("the service must respond");
                    statuses[usize::from(response.status().as_u16())] += 1;
                }
                statuses
            })
        })
        .collect();
    let times = list_with_known_keys(&service, &clerk, LOAD_DURATION).await;
    let mut statuses = [0_u32; 600];
    for client in clients {
        let client_counts = client.await.expect("the task must not panic");
        statuses.iter_mut().zip(client_counts).for_each(|(sum, count)| *sum += count);
    }
    let (loaded, max) = (p99(&times), times.last().copied().unwrap_or_default());
    let counts_by_status: Vec<_> = statuses.iter().enumerate().filter(|(_, count)| **count > 0).collect();
    println!(
        "idle p99 {idle:?}; under load p99 {loaded:?}, at most {max:?}, of {}; clients: {counts_by_status:?}",
        times.len()
    );
    assert!(loaded <= idle + MAX_ADDITIONAL_TIME, "the p99 rose from {idle:?} to {loaded:?}");
    assert!(
        counts_by_status.iter().all(|(status, _)| *status == 401),
        "every response to an unknown key must be a 401: {counts_by_status:?}"
    );
}
