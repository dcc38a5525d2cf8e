//! Searches for expensive inputs. The search changes inputs at random, and continues with the most expensive inputs.
//!
//! By default, the search takes six seconds. `ICP_TEST_COST_SECONDS=3600` searches for an hour. In a release
//! build (`--release`), requests cost less, and the limit of their CPU time is a tenth.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::support::users::MINIMAL_BODY;
use crate::support::{LIST, Service, Setup};

/// The limit of the CPU time of one request.
const MAX_CPU_TIME: Duration = Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 200 });
/// The limit of the additional memory of one request, in bytes.
const MAX_MEMORY: u64 = 64_000_000;
/// The number of inputs with which the search continues, for each target.
const POOL_SIZE: usize = 24;
/// The number of bytes that is added to the length of each input. Otherwise, the cost per byte of short inputs would
/// vary too much.
const ADDED_BYTES: usize = 400;

/// The part of a request that contains the input.
struct Target {
    name: &'static str,
    max_bytes: usize,
    seeds: &'static [&'static str],
    words: &'static [&'static str],
    /// Returns a request that contains the input.
    request: fn(&[u8], &Fixture) -> Vec<u8>,
}

struct Fixture {
    service: Service,
    token: String,
    path: String,
}

/// An input, and the CPU time and the memory that its request needed.
#[derive(Clone)]
struct MeasuredInput {
    input: Vec<u8>,
    cpu: Duration,
    memory: u64,
}

const JSON_WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\"a\":0",
    "null",
    "1e308",
    "-0.0",
    "\\u0041",
    "\\ud800",
    "{\"\":0}",
    "[[[[",
    "true",
    "\"name\":",
    "\"userIds\":[\"user_1\"]",
    "\"customFilterCriteria\":",
    "\"regex\":\"\"",
    "(?i:[\\\\W]",
    "(a|b)*",
    "[^x]{9}",
    "\\\\p{L}",
    "(?<a>x)",
    "\"leadProviderCriteria\":[]",
    "{\"type\":\"matchFieldWithRegex\",\"field\":\"f\",\"regex\":\"x\"}",
    "\"createdAt\":\"2024-01-15T10:30:00.000Z\"",
    "\u{1f980}",
    "\u{0}",
];
const QUERY_WORDS: &[&str] = &[
    "&",
    "=",
    "%",
    "%00",
    "%F0%9F%A6%80",
    "name",
    "name=",
    "cursor=",
    "limit=1000",
    "sort=name",
    "order=desc",
    "active=true",
    "+",
    "updatedSince=2024-01-15T10:30:00.000Z",
    "provider=",
    "x",
    ";",
    "/",
    "?",
];
const TOKEN_WORDS: &[&str] = &[".", "..", "eyJ", "=", "AAAA", " ", "a", "-", "_", "%", "\"", "{}", "e30"];

const TARGETS: [Target; 5] = [
    Target {
        name: "create",
        max_bytes: 1_048_576,
        seeds: &[MINIMAL_BODY, ICP_WITH_MANY_FIELDS],
        words: JSON_WORDS,
        request: |input, fixture| request_with_body(&format!("{LIST}?dryRun=true"), "POST", input, fixture),
    },
    Target {
        name: "patch",
        max_bytes: 1_048_576,
        seeds: &["{}", ICP_WITH_MANY_FIELDS],
        words: JSON_WORDS,
        request: |input, fixture| {
            request_with_body(&format!("{}?dryRun=true", fixture.path), "PATCH", input, fixture)
        },
    },
    Target {
        name: "mcp",
        max_bytes: 1_048_576,
        seeds: &[
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_icps","arguments":{}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"validate_icp","arguments":{"icp":{}}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
        ],
        words: JSON_WORDS,
        request: |input, fixture| request_with_body("/mcp", "POST", input, fixture),
    },
    Target {
        name: "query",
        max_bytes: 60_000,
        seeds: &["limit=10&sort=name&order=desc&name=x", "cursor=AbP2", "active=true&provider=x"],
        words: QUERY_WORDS,
        request: |input, Fixture { token, .. }| {
            let query: String =
                input.iter().filter(|byte| byte.is_ascii_graphic()).map(|byte| char::from(*byte)).collect();
            format!("GET {LIST}?{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n")
                .into_bytes()
        },
    },
    Target {
        name: "token",
        max_bytes: 60_000,
        seeds: &["eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.eyJzdWIiOiJ1c2VyX2FkYSJ9.AAAA", "a.b.c"],
        words: TOKEN_WORDS,
        request: |input, _| {
            let token: String = input
                .iter()
                .filter(|byte| (b' '..=b'~').contains(byte))
                .map(|byte| char::from(*byte))
                .collect();
            format!("GET {LIST} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes()
        },
    },
];

const ICP_WITH_MANY_FIELDS: &str = r#"{"name":"SMB","description":"small","activeUntil":"2030-01-01T00:00:00Z",
    "leadProviderCriteria":[{"provider":"baseProvider","type":"person","filters":{"a":1,"b":[2]}}],
    "customFilterCriteria":[{"type":"matchFieldWithRegex","field":"firstName","regex":"^(?:a|b)+[\\w]$"},
        {"type":"webscraping","provider":"p","extractionPrompt":"","pageFindingPrompt":"",
            "includeSearchStrings":["a"],"excludeSearchStrings":["b"]}],
    "crmFilters":{"provider":"bullhorn","textSearch":"CTO","filters":[{"path":"a","mode":"b","value":1}]},
    "userIds":["user_1","user_2"],"leadsPerList":25}"#;

fn request_with_body(path: &str, method: &str, input: &[u8], Fixture { token, .. }: &Fixture) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n",
        input.len()
    );
    [head.as_bytes(), input].concat()
}

impl Target {
    /// Returns an input with a few random changes.
    fn change(&self, parents: &[MeasuredInput], random: &mut Rng) -> Vec<u8> {
        let mut input = random.choice(parents).expect("the pool must contain inputs").input.clone();
        for _ in 0..random.usize(1..=4) {
            // An opening brace or bracket begins an object or array, which the search can repeat.
            let openings: Vec<_> =
                (0..input.len().min(20_000)).filter(|index| b"{[".contains(&input[*index])).collect();
            let opening = random.choice(&openings).copied().filter(|_| random.bool());
            let start = opening.unwrap_or_else(|| random.usize(0..=input.len()));
            let end = random.usize(start..=input.len().min(start + 200));
            let slice = input[start..end].to_vec();
            let word = random.choice(self.words).expect("the target must have words").as_bytes();
            match random.u8(0..10) {
                0 => drop(input.splice(start..end, [])),
                1 => drop(input.splice(start..start, word.iter().copied())),
                2 => drop(input.splice(start..start, slice.repeat(1 << random.u32(0..12)))),
                3 => drop(input.splice(start..start, word.repeat(1 << random.u32(0..12)))),
                4 => {
                    let other = &random.choice(parents).expect("the pool must contain inputs").input;
                    let from = random.usize(0..=other.len());
                    drop(input.splice(start..end, other[from..other.len().min(from + 400)].iter().copied()));
                }
                5 => input.extend(random.choice(self.seeds).expect("the target must have seeds").bytes()),
                _ => {
                    if let Some(end) = find_element_end(&input, start) {
                        let copies = [&input[start..end], b","].concat().repeat(1 << random.u32(0..12));
                        drop(input.splice(start..start, copies));
                    }
                }
            }
            input.truncate(self.max_bytes);
        }
        input
    }

    fn measure(&self, input: Vec<u8>, fixture: &Fixture, stream: &mut Option<TcpStream>) -> MeasuredInput {
        let process = fixture.service.child.id();
        let request = (self.request)(&input, fixture);
        std::fs::write(format!("/proc/{process}/clear_refs"), "5").expect("the process must be running");
        let (cpu, memory) = (read_cpu_time(process), read_memory(process, "VmRSS:"));
        if stream.is_none() {
            *stream = TcpStream::connect(fixture.service.socket_address()).ok();
        }
        let is_kept = stream.as_mut().is_some_and(|stream| exchange(stream, &request).unwrap_or(false));
        if !is_kept {
            *stream = None;
        }
        let cpu = read_cpu_time(process).saturating_sub(cpu);
        MeasuredInput { input, cpu, memory: read_memory(process, "VmHWM:").saturating_sub(memory) }
    }

    fn search(&self, fixture: &Fixture, duration: Duration, random: &mut Rng) -> Vec<MeasuredInput> {
        let mut stream = None;
        // The first requests cost more than later requests. So each seed is measured 20 times, and the pool begins with
        // the last measurements. `rate` subtracts `base`, the lowest CPU time of a seed.
        let seeds = self.seeds.iter().cycle().take(20 * self.seeds.len());
        let costs: Vec<_> =
            seeds.map(|seed| self.measure(seed.as_bytes().to_vec(), fixture, &mut stream)).collect();
        let base = costs.iter().map(|seed| seed.cpu).min().unwrap_or_default();
        let mut pool = costs[costs.len() - self.seeds.len()..].to_vec();
        let (until, mut count) = (Instant::now() + duration, 0);
        while Instant::now() < until {
            let input = self.change(&pool, random);
            let mut measured = self.measure(input, fixture, &mut stream);
            count += 1;
            if pool.len() >= POOL_SIZE
                && pool
                    .iter()
                    .all(|other| measured.rate(base) <= other.rate(base) && measured.cpu <= other.cpu)
            {
                continue;
            }
            // The lower value excludes other work of the service during one of the measurements.
            let second = self.measure(measured.input.clone(), fixture, &mut stream);
            (measured.cpu, measured.memory) =
                (measured.cpu.min(second.cpu), measured.memory.min(second.memory));
            pool.push(measured);
            pool.sort_by(|one, other| other.rate(base).total_cmp(&one.rate(base)));
            let (most_cpu, most_memory) = (
                pool.iter().max_by_key(|input| input.cpu).expect("the pool must contain inputs").clone(),
                pool.iter().max_by_key(|input| input.memory).expect("the pool must contain inputs").clone(),
            );
            pool.truncate(POOL_SIZE - 2);
            pool.extend([most_cpu, most_memory]);
            pool.dedup_by(|one, other| one.input == other.input);
        }
        println!("{}: {count} inputs", self.name);
        pool
    }
}

impl MeasuredInput {
    /// Returns the nanoseconds per byte.
    fn rate(&self, base: Duration) -> f64 {
        let bytes = u32::try_from(self.input.len() + ADDED_BYTES).unwrap_or(u32::MAX);
        self.cpu.saturating_sub(base).as_secs_f64() * 1e9 / f64::from(bytes)
    }
}

/// Sends a request and reads the response. Returns false if the service closes the connection.
fn exchange(stream: &mut TcpStream, request: &[u8]) -> std::io::Result<bool> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(request)?;
    let (mut response, mut bytes) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let length = stream.read(&mut bytes)?;
        if length == 0 {
            return Ok(false);
        }
        response.extend_from_slice(&bytes[..length]);
        let Some(end) = response.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&response[..end]).to_ascii_lowercase();
        assert!(!head.starts_with("http/1.1 5") || head.starts_with("http/1.1 503"), "{head}");
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let is_complete = match length {
            Some(length) => response.len() >= end + 4 + length,
            None => !head.contains("chunked") || response.ends_with(b"0\r\n\r\n"),
        };
        if is_complete {
            return Ok(!head.contains("connection: close"));
        }
    }
}

/// Returns the end of the object or array that begins at `start`, if it has at most 4,000 bytes. If another byte is at
/// `start`, returns the end of this byte.
fn find_element_end(input: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0;
    for (index, byte) in input.iter().enumerate().skip(start).take(4_000) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(index + 1);
        }
    }
    None
}

/// Returns the CPU time of all threads of a process.
fn read_cpu_time(process: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("the process must be running");
    let times = tasks.flatten().filter_map(|task| {
        let line = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        line.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(times.sum())
}

/// Returns a field of the status of a process, in bytes.
fn read_memory(process: u32, name: &str) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process must be running");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_suffix("kB"));
    line.and_then(|kilobytes| kilobytes.trim().parse::<u64>().ok()).expect("the text must be a number")
        * 1_024
}

#[tokio::test]
#[ignore = "takes a quarter of a minute: cargo xtask test --all"]
async fn expensive_inputs_stay_within_cost_limits() {
    let seconds = std::env::var("ICP_TEST_COST_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let setup = Setup::new().with("ICP__LOG__LEVEL", "warn").with("ICP__MCP__ENABLED", "true");
    let service = setup.with("ICP__SERVER__WORKERS", "1").start();
    let token = service.token("user_ada");
    let path = service
        .create(&token, &serde_json::from_str(ICP_WITH_MANY_FIELDS).expect("the text must be JSON"))
        .await
        .icp_path();
    let fixture = Fixture { service, token, path };
    let share = Duration::from_secs(seconds) / u32::try_from(TARGETS.len()).expect("the number must fit");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("costs");
    std::fs::create_dir_all(&folder).expect("the folder must be created");
    let (mut random, mut failures) = (Rng::with_seed(seconds), Vec::new());
    for target in &TARGETS {
        let mut inputs = target.search(&fixture, share, &mut random);
        inputs.sort_by_key(|measured| std::cmp::Reverse(measured.cpu));
        for (number, MeasuredInput { input, cpu, memory }) in inputs.iter().take(5).enumerate() {
            let line = format!("{}: {cpu:.1?}, {memory} bytes for {} bytes", target.name, input.len());
            println!("{line}: {:.120}", String::from_utf8_lossy(input));
            std::fs::write(folder.join(format!("{}-{number}", target.name)), input)
                .expect("the file must be written");
            if *cpu > MAX_CPU_TIME || *memory > MAX_MEMORY {
                failures.push(line);
            }
        }
    }
    assert!(failures.is_empty(), "{}\nThe inputs are in {}", failures.join("\n"), folder.display());
}
