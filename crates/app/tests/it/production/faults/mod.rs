//! Tests that two instances under load lose no write and show no ICP to another user, while their dependencies fail one
//! after the other, one instance is killed and one is stopped.

mod balancer;
mod keys;
mod readers;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use icp_test_postgres::{PoolMode, Pooler, Server};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use self::balancer::Balancer;
use self::keys::KeyServer;
use self::readers::Reader;
use crate::support::ledger::{Failure, Writer, verify};
use crate::support::{LIST, Service, Setup};

/// The time after a fault during which errors may still occur.
const RECOVERY_TIME: Duration = Duration::from_secs(8);
const WRITERS: usize = 8;
const READERS: usize = 6;
/// This user has a long list, so that a test can disconnect during the response.
const USER_WITH_LONG_LIST: &str = "user_big";

/// Returns the duration of the test: `ICP_TEST_FAULT_SECONDS`, or 40 seconds.
fn test_duration() -> Duration {
    let seconds = std::env::var("ICP_TEST_FAULT_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(40))
}

/// A fault, and the time during which it may cause errors.
struct Fault {
    name: &'static str,
    from: Instant,
    to: Instant,
    /// The address of a killed instance. Requests to this address may also fail without a response.
    killed_address: Option<String>,
}

impl Fault {
    fn new(name: &'static str, from: Instant) -> Self {
        Self { name, from, to: Instant::now() + RECOVERY_TIME, killed_address: None }
    }

    fn covers(&self, failure: &Failure) -> bool {
        let is_within = (self.from..=self.to).contains(&failure.at);
        let is_of_killed_instance =
            self.killed_address.as_ref().is_some_and(|address| failure.url.starts_with(address));
        is_within && (is_of_killed_instance || is_expected_problem(&failure.error))
    }
}

/// Returns true if the error is a response with status 500 or 503 and the code of the API for this status.
fn is_expected_problem(error: &str) -> bool {
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

/// Two instances and their dependencies. The first instance connects through the pooler. The second instance connects
/// directly, and reads from the standby. The standby is the second host in both database URLs.
struct Environment {
    primary: Server,
    standby: Server,
    pooler: Pooler,
    keys: KeyServer,
    /// The setup that migrates, imports and creates the tokens. At the end, it starts the service through which
    /// `verify` reads the stored ICPs.
    signer: Setup,
    setups: [Setup; 2],
}

impl Environment {
    fn build() -> Self {
        let primary = Server::start().expect("the server must start");
        let signer = Setup::new().with("ICP__DATABASE__URL", &primary.url("postgres"));
        assert!(signer.icp(&["migrate"]).status.success());
        let import = (0..2_000).map(|number| {
            let icp = icp_testkit::fixtures::icp(number)
                .with("userIds", [USER_WITH_LONG_LIST])
                .with("description", "x".repeat(500));
            icp.document().into_json() + "\n"
        });
        assert!(signer.icp_with_input(&["import"], import.collect::<String>().as_bytes()).status.success());
        signer.token(&["--user", USER_WITH_LONG_LIST]);
        let standby = primary.standby().expect("the standby must start");
        primary.set("synchronous_standby_names", "*").expect("the server must accept the setting");
        let pooler =
            Pooler::start_with(&crate::production::pgbouncer(), primary.port(), 10, PoolMode::Transaction);
        let pooler = pooler.expect("the pooler must start");
        let keys = KeyServer::start(signer.path());
        let setup_for_port = |database_port: u16| {
            let url =
                format!("postgres://icp@127.0.0.1:{database_port},127.0.0.1:{}/postgres", standby.port());
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
        let through_pooler = setup_for_port(pooler.port());
        let direct = setup_for_port(primary.port()).with("ICP__DATABASE__READ_URL", &standby.url("postgres"));
        Self { primary, standby, pooler, keys, signer, setups: [through_pooler, direct] }
    }
}

/// The resources of an instance.
#[derive(Clone, Copy, Debug)]
struct Resources {
    memory: f64,
    files: f64,
}

async fn measure_resources(service: &Service) -> Resources {
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

fn assert_no_leak(instance: &str, before: Resources, after: Resources) {
    println!("{instance}: {before:?} at the beginning, {after:?} at the end");
    assert!(after.files <= before.files + 20.0, "{instance} leaks files: {before:?}, {after:?}");
    assert!(after.memory <= before.memory * 1.5 + 30e6, "{instance} leaks memory: {before:?}, {after:?}");
}

fn count_connections(server: &Server) -> usize {
    let file = server.folder().join("connections");
    let _ = std::fs::remove_file(&file);
    let statement = format!(
        "COPY (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'icp') TO '{}'",
        file.display()
    );
    server.execute(&statement).expect("the query must succeed");
    std::fs::read_to_string(file)
        .expect("the file must be readable")
        .trim()
        .parse()
        .expect("the text must be a number")
}

/// Requests a large list, and disconnects during the response.
async fn disconnect_during_response(service: &Service, token: &str) {
    let mut socket =
        tokio::net::TcpStream::connect(service.socket_address()).await.expect("the client must connect");
    let request = format!("GET {LIST} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("the bytes must be sent");
    let _ = socket.read(&mut [0; 4096]).await;
}

/// Runs `work` on this thread. The clients, which are other tasks, continue to send requests.
fn run_blocking<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    tokio::task::block_in_place(work)
}

/// Returns the lines of the service's log that contain the request ID of a response.
fn log_of_request(service: &Service, response: &str) -> String {
    let id = response
        .split_once(r#""requestId":""#)
        .and_then(|(_, rest)| rest.get(..36))
        .unwrap_or("no request ID");
    let log = service.log();
    log.lines().filter(|line| line.contains(id)).collect::<Vec<_>>().join("\n")
}

/// Checks that every failure belongs to a fault, and that no request failed because of the shutdown of an instance.
fn check_failures(
    writers: &[Writer],
    readers: &[Reader],
    faults: &[Fault],
    drained: &(String, Instant, Instant),
    services: [&Service; 2],
) {
    let written: usize = writers.iter().map(|writer| writer.acknowledged).sum();
    let read: usize = readers.iter().map(|reader| reader.success_count).sum();
    let failures: Vec<_> = writers
        .iter()
        .flat_map(|writer| &writer.failures)
        .chain(readers.iter().flat_map(|reader| &reader.failures))
        .collect();
    println!("{written} writes and {read} reads succeeded, {} requests failed", failures.len());
    for fault in faults {
        let count = failures.iter().filter(|failure| fault.covers(failure)).count();
        println!(
            "  {} for {:?}: {count}",
            fault.name,
            fault.to.duration_since(fault.from).saturating_sub(RECOVERY_TIME)
        );
    }
    for failure in &failures {
        if !faults.iter().any(|fault| fault.covers(failure)) {
            let times = faults.iter().map(|fault| {
                let seconds = |time: Instant| {
                    time.saturating_duration_since(failure.at).as_secs_f64()
                        - failure.at.saturating_duration_since(time).as_secs_f64()
                };
                format!("{}: {:.1} to {:.1} s", fault.name, seconds(fault.from), seconds(fault.to))
            });
            let times = times.collect::<Vec<_>>().join(", ");
            let logs = services.map(|service| log_of_request(service, &failure.error)).join("\n");
            panic!("no fault explains {failure:?}; relative to the failure: {times}; log:\n{logs}");
        }
    }
    let (address, from, to) = drained;
    let is_of_drained =
        |failure: &&&Failure| failure.url.starts_with(address) && (*from..=*to).contains(&failure.at);
    assert_eq!(failures.iter().filter(is_of_drained).count(), 0, "no request may fail during the shutdown");
    assert!(written > 500 && read > 500, "the writers and the readers must have been active");
}

/// Starts tasks in which the clients send requests until `stop` is true. The tasks continue while the test blocks its
/// own thread.
fn spawn_clients(
    mut writers: Vec<Writer>,
    mut readers: Vec<Reader>,
    balancer: &Arc<Balancer>,
    stop: &Arc<AtomicBool>,
) -> (JoinHandle<Vec<Writer>>, JoinHandle<Vec<Reader>>) {
    let (balancer_of_writers, balancer_of_readers) = (Arc::clone(balancer), Arc::clone(balancer));
    let (stop_writers, stop_readers) = (Arc::clone(stop), Arc::clone(stop));
    let writing = tokio::spawn(async move {
        let address = || balancer_of_writers.address();
        join_all(writers.iter_mut().map(|writer| writer.write(&address, &stop_writers))).await;
        writers
    });
    let reading = tokio::spawn(async move {
        let address = || balancer_of_readers.address();
        join_all(readers.iter_mut().map(|reader| reader.read(&address, &stop_readers))).await;
        readers
    });
    (writing, reading)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes a minute and needs PgBouncer: cargo xtask test --all"]
async fn faults_lose_no_write_and_leak_no_icp() {
    let environment = Environment::build();
    let [mut pooled, direct] = environment.setups.clone().map(Setup::start);
    let balancer = Arc::new(Balancer::new(&[&pooled.address, &direct.address]));
    let writers: Vec<_> = (0..WRITERS).map(|number| Writer::new(&environment.signer, number)).collect();
    let users = (0..READERS).map(|number| format!("user_writer{number}"));
    let readers: Vec<_> = users.map(|user| Reader::new(&environment.signer, &user)).collect();
    let long_list_token = environment.signer.token(&["--user", USER_WITH_LONG_LIST, "--ttl", "1d"]);

    let stop = Arc::new(AtomicBool::new(false));
    let (writing, reading) = spawn_clients(writers, readers, &balancer, &stop);
    let script = async {
        let (start, duration) = (Instant::now(), test_duration());
        let until = async |part: f64| {
            sleep((start + duration.mul_f64(part)).saturating_duration_since(Instant::now())).await;
        };
        let mut faults = Vec::new();
        until(0.08).await;
        let before = [measure_resources(&pooled).await, measure_resources(&direct).await];
        let first_count = count_connections(&environment.primary);

        // The instances continue with the keys that they have fetched.
        environment.keys.set_down(true);
        until(0.2).await;
        for _ in 0..20 {
            disconnect_during_response(&pooled, &long_list_token).await;
            disconnect_during_response(&direct, &long_list_token).await;
        }
        let from = Instant::now();
        let statement =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'icp'";
        run_blocking(|| environment.primary.execute(statement)).expect("the connections must be closed");
        faults.push(Fault::new("PostgreSQL closes all connections", from));
        until(0.28).await;
        environment.keys.set_down(false);

        until(0.32).await;
        let from = Instant::now();
        run_blocking(|| environment.pooler.kill());
        sleep(Duration::from_secs(1)).await;
        run_blocking(|| environment.pooler.start_again()).expect("the pooler must start");
        faults.push(Fault::new("the pooler restarts", from));

        until(0.48).await;
        let from = Instant::now();
        let address = direct.address.clone();
        drop(direct);
        sleep(Duration::from_secs(1)).await;
        let direct = run_blocking(|| environment.setups[1].clone().start());
        faults.push(Fault { killed_address: Some(address), ..Fault::new("an instance is killed", from) });

        until(0.62).await;
        let from = Instant::now();
        run_blocking(|| environment.primary.kill()).expect("the server must be killed");
        sleep(Duration::from_secs(1)).await;
        run_blocking(|| environment.standby.promote()).expect("the standby must be promoted");
        faults.push(Fault::new("the standby takes over", from));

        until(0.82).await;
        assert_no_leak("the pooled instance", before[0], measure_resources(&pooled).await);
        let drained = Instant::now();
        let drained_address = pooled.address.clone();
        pooled.signal("TERM");
        let ended = run_blocking(|| pooled.wait_for_exit(Duration::from_secs(30)));
        assert!(ended.is_some_and(|status| status.success()), "the exit status must be 0: {ended:?}");
        let drained = (drained_address, drained, Instant::now());
        pooled = run_blocking(|| environment.setups[0].clone().start());

        until(1.0).await;
        stop.store(true, Ordering::Relaxed);
        (pooled, direct, faults, drained, before, first_count)
    };
    let (pooled, direct, faults, drained, before, first_count) = script.await;
    let mut writers = writing.await.expect("the writers must not panic");
    let readers = reading.await.expect("the readers must not panic");

    check_failures(&writers, &readers, &faults, &drained, [&pooled, &direct]);

    drop(balancer);
    sleep(Duration::from_secs(3)).await;
    assert_no_leak("the direct instance", before[1], measure_resources(&direct).await);
    let last_count = count_connections(&environment.standby);
    println!("{first_count} connections at first, {last_count} at last");
    assert!(last_count <= first_count + 16, "{first_count} connections at first, {last_count} at last");
    let url = environment.standby.url("postgres");
    drop((pooled, direct));
    let service = environment.signer.clone().with("ICP__DATABASE__URL", &url).start();
    verify(&mut writers, &service).await;
}
