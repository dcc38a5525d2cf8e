//! The dependencies of the service fail, one after the other, under load.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use icp_test_postgres::{PoolMode, Pooler, Server};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::sleep;

use super::balancer::Balancer;
use super::keys::KeyServer;
use super::readers::Reader;
use crate::support::ledger::{Failure, Writer, verify};
use crate::support::{LIST, Service, Setup};

/// The time after a fault in which errors may still occur.
const A_LITTLE: Duration = Duration::from_secs(8);
const WRITERS: usize = 8;
const READERS: usize = 6;
/// A user with a long list, so that a response takes some time.
const BIG: &str = "user_big";

/// Duration of the test in seconds: `ICP_TEST_FAULT_SECONDS`, or 40.
fn duration() -> Duration {
    let seconds = std::env::var("ICP_TEST_FAULT_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(40))
}

/// A time in which errors may occur.
struct Window {
    what: &'static str,
    from: Instant,
    to: Instant,
    /// The address to which connections may break, in addition to failed requests.
    breaks: Option<String>,
}

impl Window {
    fn of(what: &'static str, from: Instant) -> Self {
        Self { what, from, to: Instant::now() + A_LITTLE, breaks: None }
    }

    fn covers(&self, failure: &Failure) -> bool {
        let is_within = (self.from..=self.to).contains(&failure.at);
        let broke = self.breaks.as_ref().is_some_and(|address| failure.url.starts_with(address));
        is_within && (broke || is_in_contracts_shape(&failure.error))
    }
}

fn is_in_contracts_shape(error: &str) -> bool {
    let Some((status, problem)) = error.split_once(" {").or_else(|| error.split_once('{')) else {
        return false;
    };
    let problem: Value = serde_json::from_str(&format!("{{{problem}")).unwrap_or_default();
    let code = match status.get(..3) {
        Some("500") => "INTERNAL_ERROR",
        Some("503") => "SERVICE_UNAVAILABLE",
        _ => return false,
    };
    problem["code"] == code
}

/// Two instances: one behind the pooler, with the standby as its other host, and one with direct connections that reads from
/// the standby.
struct Stage {
    primary: Server,
    standby: Server,
    pooler: Pooler,
    keys: KeyServer,
    /// Creates tokens, and checks the results.
    signer: Setup,
    setups: [Setup; 2],
}

impl Stage {
    fn build() -> Self {
        let primary = Server::start().expect("the server must start");
        let signer = Setup::new().with("ICP__DATABASE__URL", &primary.url("postgres"));
        assert!(signer.icp(&["migrate"]).status.success());
        let import = (0..2_000).map(|number| {
            let icp = icp_testkit::fixtures::icp(number)
                .with("userIds", [BIG])
                .with("description", "x".repeat(500));
            icp.document().into_json() + "\n"
        });
        assert!(signer.icp_with_input(&["import"], import.collect::<String>().as_bytes()).status.success());
        signer.token(&["--user", BIG]);
        let standby = primary.standby().expect("the standby must start");
        primary.set("synchronous_standby_names", "*").expect("the server must accept the setting");
        let pooler =
            Pooler::start_with(&crate::production::pgbouncer(), primary.port(), 10, PoolMode::Transaction);
        let pooler = pooler.expect("the pooler must start");
        let keys = KeyServer::start(signer.path());
        let common = |first: u16| {
            let url = format!("postgres://icp@127.0.0.1:{first},127.0.0.1:{}/postgres", standby.port());
            let port = TcpListener::bind("127.0.0.1:0")
                .expect("the listener must bind the port")
                .local_addr()
                .expect("the listener must have an address")
                .port();
            let setup =
                Setup::new().with("ICP__DATABASE__URL", &url).with("ICP__SERVER__PORT", &port.to_string());
            let setup = setup.with("ICP__DATABASE__MIGRATE", "false").with("ICP__LOG__LEVEL", "warn");
            keys.trusted_by(setup.with("ICP__SERVER__DRAIN_SECONDS", "3"))
        };
        let behind = common(pooler.port());
        let direct = common(primary.port()).with("ICP__DATABASE__READ_URL", &standby.url("postgres"));
        Self { primary, standby, pooler, keys, signer, setups: [behind, direct] }
    }
}

/// The resources of an instance.
#[derive(Clone, Copy, Debug)]
struct Resources {
    memory: f64,
    files: f64,
}

async fn resources(service: &Service) -> Resources {
    let metrics = service.get("/metrics", None).await.body;
    let number = |name: &str| {
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .expect("the service must report the metric");
        line.trim().parse::<f64>().expect("the text must be a number")
    };
    Resources { memory: number("icp_process_resident_memory_bytes"), files: number("icp_process_open_fds") }
}

fn assert_no_more(what: &str, before: Resources, after: Resources) {
    println!("{what}: {before:?} at the beginning, {after:?} at the end");
    assert!(after.files <= before.files + 20.0, "{what} holds files: {before:?}, {after:?}");
    assert!(after.memory <= before.memory * 1.5 + 30e6, "{what} holds memory: {before:?}, {after:?}");
}

fn connections(server: &Server) -> usize {
    let file = server.folder().join("connections");
    let _ = std::fs::remove_file(&file);
    let question = format!(
        "COPY (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'icp') TO '{}'",
        file.display()
    );
    server.execute(&question).expect("the query must succeed");
    std::fs::read_to_string(file)
        .expect("the file must be readable")
        .trim()
        .parse()
        .expect("the text must be a number")
}

/// Requests a large list, and disconnects during the response.
async fn hang_up_in_the_middle(service: &Service, token: &str) {
    let mut socket =
        tokio::net::TcpStream::connect(service.socket_address()).await.expect("the client must connect");
    let request = format!("GET {LIST} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("the bytes must be sent");
    let _ = socket.read(&mut [0; 4096]).await;
}

/// Runs on a separate thread, because clients continue.
fn blocking<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    tokio::task::block_in_place(work)
}

/// Every failure belongs to a fault, and none to the instance that was drained.
fn check(writers: &[Writer], readers: &[Reader], windows: &[Window], drained: &(String, Instant, Instant)) {
    let written: usize = writers.iter().map(|writer| writer.acknowledged).sum();
    let read: usize = readers.iter().map(|reader| reader.answered).sum();
    let failures: Vec<_> = writers
        .iter()
        .flat_map(|writer| &writer.failures)
        .chain(readers.iter().flat_map(|reader| &reader.failures))
        .collect();
    println!("{written} writes and {read} reads were answered, {} were not", failures.len());
    for window in windows {
        let count = failures.iter().filter(|failure| window.covers(failure)).count();
        println!(
            "  {} for {:?}: {count}",
            window.what,
            window.to.duration_since(window.from).saturating_sub(A_LITTLE)
        );
    }
    for failure in &failures {
        assert!(windows.iter().any(|window| window.covers(failure)), "outside of every fault: {failure:?}");
    }
    let (address, from, to) = drained;
    let of_drained =
        |failure: &&&Failure| failure.url.starts_with(address) && (*from..=*to).contains(&failure.at);
    assert_eq!(failures.iter().filter(of_drained).count(), 0, "the drained instance failed a request");
    assert!(written > 500 && read > 500, "both writers and readers were active");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes a minute and PgBouncer: cargo xtask test --all"]
async fn faults_lose_no_write_and_leak_no_icp() {
    let stage = Stage::build();
    let [mut pooled, direct] = stage.setups.clone().map(Setup::start);
    let balancer = Balancer::new(&[&pooled.address, &direct.address]);
    let mut writers: Vec<_> = (0..WRITERS).map(|number| Writer::new(&stage.signer, number)).collect();
    let users = (0..READERS).map(|number| format!("user_writer{number}"));
    let mut readers: Vec<_> = users.map(|user| Reader::new(&stage.signer, &user)).collect();
    let big = stage.signer.token(&["--user", BIG, "--ttl", "1d"]);

    let stop = AtomicBool::new(false);
    let address = || balancer.address();
    let script = async {
        let (start, whole) = (Instant::now(), duration());
        let until = async |part: f64| {
            sleep((start + whole.mul_f64(part)).saturating_duration_since(Instant::now())).await;
        };
        let mut windows = Vec::new();
        until(0.08).await;
        let before = [resources(&pooled).await, resources(&direct).await];
        let connected = connections(&stage.primary);

        // Known keys stay in use.
        stage.keys.set_down(true);
        until(0.2).await;
        for _ in 0..20 {
            hang_up_in_the_middle(&pooled, &big).await;
            hang_up_in_the_middle(&direct, &big).await;
        }
        let from = Instant::now();
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'icp'";
        blocking(|| stage.primary.execute(cut)).expect("the connections must be cut");
        windows.push(Window::of("connections to the database are cut", from));
        until(0.28).await;
        stage.keys.set_down(false);

        until(0.32).await;
        let from = Instant::now();
        blocking(|| stage.pooler.kill());
        sleep(Duration::from_secs(1)).await;
        blocking(|| stage.pooler.start_again()).expect("the server must start");
        windows.push(Window::of("the pooler restarts", from));

        until(0.48).await;
        let from = Instant::now();
        let address = direct.address.clone();
        drop(direct);
        sleep(Duration::from_secs(1)).await;
        let direct = blocking(|| stage.setups[1].clone().start());
        windows.push(Window { breaks: Some(address), ..Window::of("an instance is killed", from) });

        until(0.62).await;
        let from = Instant::now();
        blocking(|| stage.primary.kill()).expect("the server must be killed");
        sleep(Duration::from_secs(1)).await;
        blocking(|| stage.standby.promote()).expect("the standby must be promoted");
        windows.push(Window::of("the standby takes over", from));

        until(0.82).await;
        assert_no_more("the pooled instance", before[0], resources(&pooled).await);
        let drained = Instant::now();
        let drained_address = pooled.address.clone();
        pooled.signal("TERM");
        let ended = blocking(|| pooled.wait_for_exit(Duration::from_secs(30)));
        assert!(ended.is_some_and(|status| status.success()), "it must end with status 0: {ended:?}");
        let drained = (drained_address, drained, Instant::now());
        pooled = blocking(|| stage.setups[0].clone().start());

        until(1.0).await;
        stop.store(true, Ordering::Relaxed);
        (pooled, direct, windows, drained, before, connected)
    };
    let writing = join_all(writers.iter_mut().map(|writer| writer.write(&address, &stop)));
    let reading = join_all(readers.iter_mut().map(|reader| reader.read(&address, &stop)));
    let (done, _, _) = tokio::join!(script, writing, reading);
    let (pooled, direct, windows, drained, before, connected) = done;

    check(&writers, &readers, &windows, &drained);

    drop(balancer);
    sleep(Duration::from_secs(3)).await;
    assert_no_more("the direct instance", before[1], resources(&direct).await);
    let still = connections(&stage.standby);
    println!("{connected} connections at the beginning, {still} at the end");
    assert!(still <= connected + 16, "{connected} connections have become {still}");
    let url = stage.standby.url("postgres");
    drop((pooled, direct));
    let service = stage.signer.clone().with("ICP__DATABASE__URL", &url).start();
    verify(&mut writers, &service).await;
}
