//! A key server that hangs while clients send tokens that name unknown keys.

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
const STORM: Duration = Duration::from_secs(4);
/// The additional time that the load may cause.
const ALLOWANCE: Duration = Duration::from_millis(100);

/// Serves a key set until the test lets it hang.
fn key_server(document: String, hangs: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the listener must bind the port");
    let url =
        format!("http://{}/jwks.json", listener.local_addr().expect("the listener must have an address"));
    std::thread::spawn(move || {
        let mut hung: Vec<TcpStream> = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            if hangs.load(Ordering::Relaxed) {
                hung.push(stream);
                continue;
            }
            let length = document.len();
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
            let _ = stream.write_all((head + &document).as_bytes());
        }
    });
    url
}

/// Requests lists repeatedly with known keys, every second time with a new token. Returns the times of the responses, which
/// must all be 200.
async fn list_with_known_keys(service: &Service, clerk: &Clerk, time: Duration) -> Vec<Duration> {
    let (client, url) = (client(), format!("{}{LIST}", service.address));
    let old = clerk.session("user_ada", json!({}));
    let (start, mut took) = (Instant::now(), Vec::new());
    while start.elapsed() < time {
        let new = clerk.session("user_ada", json!({"jti": took.len().to_string()}));
        let token = if took.len() % 2 == 0 { &old } else { &new };
        let sent = Instant::now();
        let response = client.get(&url).bearer_auth(token).send().await.expect("the service must respond");
        took.push(sent.elapsed());
        assert_eq!(response.status(), 200);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    took.sort();
    took
}

fn p99(sorted: &[Duration]) -> Duration {
    sorted.get(sorted.len() * 99 / 100).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute: cargo xtask test --all"]
async fn unknown_keys_do_not_delay_known_ones() {
    let (clerk, hangs) = (Arc::new(Clerk::new()), Arc::new(AtomicBool::new(false)));
    let url = key_server(clerk.key_set().to_string(), Arc::clone(&hangs));
    let setup = Setup::new().with("ICP__AUTH__ISSUER", &clerk.issuer).with("ICP__AUTH__JWKS_URL", &url);
    let service = setup.with("ICP__LOG__LEVEL", "warn").start();
    let is_ready = async || service.get("/health/ready", None).await.status == 200;
    assert!(eventually(Duration::from_secs(10), is_ready).await, "{}", service.log());
    let idle = p99(&list_with_known_keys(&service, &clerk, Duration::from_secs(2)).await);

    hangs.store(true, Ordering::Relaxed);
    let unknown: Vec<_> =
        (0..UNKNOWN_KEYS).map(|number| clerk.session_of_key(&format!("key_{number}"))).collect();
    let (unknown, url, end) =
        (Arc::new(unknown), format!("{}{LIST}", service.address), Instant::now() + STORM);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|first| {
            let (unknown, url) = (Arc::clone(&unknown), url.clone());
            tokio::spawn(async move {
                let (client, mut statuses) = (client(), [0_u32; 600]);
                for token in unknown.iter().cycle().skip(first * UNKNOWN_KEYS / CLIENTS) {
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
    let served = list_with_known_keys(&service, &clerk, STORM).await;
    let mut statuses = [0_u32; 600];
    for client in clients {
        let counted = client.await.expect("the task must not panic");
        statuses.iter_mut().zip(counted).for_each(|(sum, count)| *sum += count);
    }
    let (busy, most) = (p99(&served), served.last().copied().unwrap_or_default());
    let seen: Vec<_> = statuses.iter().enumerate().filter(|(_, count)| **count > 0).collect();
    println!(
        "idle p99 {idle:?}; under load p99 {busy:?}, at most {most:?}, of {}; clients: {seen:?}",
        served.len()
    );
    assert!(busy <= idle + ALLOWANCE, "{busy:?} against {idle:?}");
    assert!(seen.iter().all(|(status, _)| *status == 401), "{seen:?}");
}
