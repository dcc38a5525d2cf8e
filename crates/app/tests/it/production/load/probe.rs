//! The effects of an attack: the memory of the service, and the waiting time of other users.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::Service;

/// The measured effects.
#[derive(Debug, Default)]
pub(crate) struct Noticed {
    /// Waiting times, in ascending order.
    pub(crate) times: Vec<Duration>,
    /// Other statuses than 200.
    pub(crate) failures: Vec<String>,
    /// The greatest resident memory, in bytes.
    pub(crate) memory: u64,
}

impl Noticed {
    pub(crate) fn p99(&self) -> Duration {
        self.times.get(self.times.len() * 99 / 100).copied().unwrap_or_default()
    }
}

/// Requests a path repeatedly, in a separate thread, since a busy runtime would delay it.
pub(crate) struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Noticed>,
}

impl Probe {
    pub(crate) fn start(service: &Service, path: &str, token: Option<&str>) -> Self {
        let authorization = token.map_or(String::new(), |token| format!("authorization: Bearer {token}\r\n"));
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{authorization}\r\n");
        let (socket, process) = (service.socket_address().to_owned(), service.child.id());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut noticed = Noticed::default();
            while !stopped.load(Ordering::Relaxed) {
                let start = Instant::now();
                let status = send(&socket, &request);
                noticed.times.push(start.elapsed());
                if status != "200" {
                    noticed.failures.push(status);
                }
                noticed.memory = noticed.memory.max(memory(process));
                thread::sleep(Duration::from_millis(5));
            }
            noticed.times.sort();
            noticed
        });
        Self { stop, thread }
    }

    pub(crate) fn stop(self) -> Noticed {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the thread must not panic")
    }
}

/// Measures without an attack.
pub(crate) fn when_idle(service: &Service, path: &str, token: Option<&str>) -> Noticed {
    let probe = Probe::start(service, path, token);
    thread::sleep(Duration::from_secs(1));
    probe.stop()
}

/// Returns the status of the response, or the error.
fn send(socket: &str, request: &str) -> String {
    let asking = || {
        let mut stream = TcpStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(request.as_bytes())?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response.split(' ').nth(1).unwrap_or("nothing").to_owned())
    };
    asking().unwrap_or_else(|error: std::io::Error| error.to_string())
}

fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process must run");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    line.and_then(|kilobytes| kilobytes.trim().parse::<u64>().ok()).expect("the text must be a number")
        * 1_024
}
