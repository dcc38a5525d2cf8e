//! Measures the effects of an attack on the memory of the service and on the response times of other users.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::Service;

/// The response times, the failures and the memory during an attack.
#[derive(Debug, Default)]
pub(crate) struct Measurement {
    /// The response times, in ascending order.
    pub(crate) times: Vec<Duration>,
    /// The statuses other than 200, and the errors of connections.
    pub(crate) failures: Vec<String>,
    /// The greatest resident memory, in bytes.
    pub(crate) memory: u64,
}

impl Measurement {
    pub(crate) fn p99(&self) -> Duration {
        self.times.get(self.times.len() * 99 / 100).copied().unwrap_or_default()
    }
}

/// Requests a path repeatedly. The probe uses a separate thread, because a busy runtime would delay its requests.
pub(crate) struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Measurement>,
}

impl Probe {
    pub(crate) fn start(service: &Service, path: &str, token: Option<&str>) -> Self {
        let authorization = token.map_or(String::new(), |token| format!("authorization: Bearer {token}\r\n"));
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{authorization}\r\n");
        let (socket, process) = (service.socket_address().to_owned(), service.child.id());
        let stop = Arc::new(AtomicBool::new(false));
        let stop_signal = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut measurement = Measurement::default();
            while !stop_signal.load(Ordering::Relaxed) {
                let start = Instant::now();
                let status = send(&socket, &request);
                measurement.times.push(start.elapsed());
                if status != "200" {
                    measurement.failures.push(status);
                }
                measurement.memory = measurement.memory.max(read_memory(process));
                thread::sleep(Duration::from_millis(5));
            }
            measurement.times.sort();
            measurement
        });
        Self { stop, thread }
    }

    pub(crate) fn stop(self) -> Measurement {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the thread must not panic")
    }
}

/// Measures an idle service for one second.
pub(crate) fn measure_idle(service: &Service, path: &str, token: Option<&str>) -> Measurement {
    let probe = Probe::start(service, path, token);
    thread::sleep(Duration::from_secs(1));
    probe.stop()
}

/// Returns the status of the response, or the error.
fn send(socket: &str, request: &str) -> String {
    let exchange = || {
        let mut stream = TcpStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(request.as_bytes())?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response.split(' ').nth(1).unwrap_or("no status").to_owned())
    };
    exchange().unwrap_or_else(|error: std::io::Error| error.to_string())
}

fn read_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process must run");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    line.and_then(|kilobytes| kilobytes.trim().parse::<u64>().ok()).expect("the text must be a number")
        * 1_024
}
