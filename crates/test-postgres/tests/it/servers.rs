//! Tests of the temporary server: start, stop, crash, freeze and clean-up.

use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use icp_test_postgres::{Server, ServerOptions, shared};
use tokio_postgres::{Client, NoTls};

/// The environment variable that tells a child process how it must end.
const CHILD_MODE_VARIABLE: &str = "ICP_TEST_POSTGRES_CHILD";

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn query(url: &str, statement: &str) -> String {
    connect(url).await.unwrap().query_one(statement, &[]).await.unwrap().get(0)
}

/// Waits until the condition is true. Returns false after 20 seconds.
fn wait_until(mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

fn refuses_connections(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_err()
}

#[tokio::test]
async fn restarted_server_keeps_data_and_port() {
    let server = Server::start().unwrap();
    let database = server.database().unwrap();
    let client = connect(database.url()).await.unwrap();
    client.batch_execute("CREATE TABLE rows (id int)").await.unwrap();
    let first_pid = server.pid();

    server.stop().unwrap();
    assert_eq!(server.pid(), None);
    assert!(refuses_connections(server.port()));
    server.start_again().unwrap();
    assert_ne!(server.pid(), first_pid);

    let client = connect(database.url()).await.unwrap();
    client.batch_execute("INSERT INTO rows VALUES (1)").await.unwrap();
    server.kill().unwrap();
    assert!(client.simple_query("SELECT 1").await.is_err());
    assert!(refuses_connections(server.port()));
    server.start_again().unwrap();
    assert!(server.log().contains("automatic recovery in progress"), "{}", server.log());

    server.restart().unwrap();
    assert_eq!(query(database.url(), "SELECT count(*)::text FROM rows").await, "1");
}

#[tokio::test]
async fn server_has_requested_options() {
    let durable = Server::start_with(ServerOptions { durable: true }).unwrap();
    assert_eq!(query(&durable.url("postgres"), "SHOW fsync").await, "on");

    let server = Server::start().unwrap();
    let url = server.url("postgres");
    assert_eq!(query(&url, "SHOW fsync").await, "off");
    assert_eq!(query(&url, "SHOW synchronous_commit").await, "on");
    assert_eq!(query(&url, "SHOW max_connections").await, "200");
    assert_eq!(query(&url, "SHOW server_encoding").await, "UTF8");
    assert!(server.folder().join(format!(".s.PGSQL.{}", server.port())).exists());
}

#[tokio::test]
async fn paused_server_responds_after_resume() {
    let server = Server::start().unwrap();
    let client = connect(&server.url("postgres")).await.unwrap();
    server.pause().unwrap();
    let mut query = Box::pin(client.simple_query("SELECT 1"));
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut query).await.is_err());
    server.resume().unwrap();
    tokio::time::timeout(Duration::from_secs(10), query).await.unwrap().unwrap();
}

#[test]
fn calls_fail_in_wrong_state_of_server() {
    let server = Server::start().unwrap();
    assert!(server.start_again().is_err());
    server.stop().unwrap();
    assert!(server.stop().is_err());
    assert!(server.kill().is_err());
    assert!(server.pause().is_err());
    assert!(server.database().is_err());
}

#[test]
fn dropped_server_leaves_no_process_and_folder() {
    for change_state in
        [|_: &Server| {}, |server: &Server| server.kill().unwrap(), |server: &Server| server.pause().unwrap()]
    {
        let server = Server::start().unwrap();
        let (folder, port) = (server.folder().to_owned(), server.port());
        change_state(&server);
        drop(server);
        assert!(!folder.exists());
        assert!(is_gone(port, &folder));
    }
}

#[tokio::test]
async fn databases_are_separate_and_dropped_after_use() {
    let (first, second) = (shared().database(), shared().database());
    assert_ne!(first.name(), second.name());
    let client = connect(first.url()).await.unwrap();
    client.batch_execute("CREATE TABLE mine (id int)").await.unwrap();
    let tables = "SELECT count(*)::text FROM pg_tables WHERE tablename = 'mine'";
    assert_eq!(query(first.url(), tables).await, "1");
    assert_eq!(query(second.url(), tables).await, "0");

    let name = first.name().to_owned();
    drop(first);
    let count_databases = format!("SELECT count(*)::text FROM pg_database WHERE datname = '{name}'");
    assert_eq!(query(shared().admin_url(), &count_databases).await, "0");
}

/// A child process that runs this test binary, and starts a server that it never drops.
struct ServerProcess {
    process: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl ServerProcess {
    fn start(mode: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "servers::holds_server_for_parent", "--ignored", "--nocapture"])
            .env(CHILD_MODE_VARIABLE, mode)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, output }
    }

    /// Returns the port and the folder of the server.
    fn port_and_folder(&mut self) -> (u16, PathBuf) {
        let mut lines = self.output.by_ref().map(Result::unwrap);
        let line = lines.find_map(|line| Some(line.split_once("holding ")?.1.to_owned()));
        let line = line.expect("the child must print the port and the folder of its server");
        let (port, folder) = line.split_once(' ').unwrap();
        (port.parse().unwrap(), PathBuf::from(folder))
    }
}

/// Returns true if a process of the server still runs. Searches for processes whose working directory is in `folder`,
/// which works only on Linux.
fn has_process_in(folder: &Path) -> bool {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut directories = entries.filter_map(|entry| std::fs::read_link(entry.path().join("cwd")).ok());
    directories.any(|directory| directory.starts_with(folder))
}

fn is_gone(port: u16, folder: &Path) -> bool {
    wait_until(|| !folder.exists() && !has_process_in(folder)) && refuses_connections(port)
}

#[test]
#[ignore = "not a test: the tests below start it as a child process that holds a server"]
fn holds_server_for_parent() {
    static SERVER: std::sync::OnceLock<Server> = std::sync::OnceLock::new();
    let Ok(mode) = std::env::var(CHILD_MODE_VARIABLE) else { return };
    let server = SERVER.get_or_init(|| Server::start().unwrap());
    if mode == "paused" {
        server.pause().unwrap();
    }
    println!("holding {} {}", server.port(), server.folder().display());
    assert_ne!(mode, "panicking");
    if mode != "exiting" {
        std::thread::sleep(Duration::from_mins(2));
    }
}

#[test]
fn ended_process_leaves_no_server_and_folder() {
    for mode in ["exiting", "panicking"] {
        let mut child = ServerProcess::start(mode);
        let (port, folder) = child.port_and_folder();
        child.process.wait().unwrap();
        assert!(is_gone(port, &folder), "{mode}");
    }
}

#[test]
fn killed_process_leaves_no_server_and_folder() {
    for mode in ["running", "paused"] {
        let mut child = ServerProcess::start(mode);
        let (port, folder) = child.port_and_folder();
        assert!(folder.exists() && !refuses_connections(port));
        child.process.kill().unwrap();
        child.process.wait().unwrap();
        assert!(is_gone(port, &folder), "{mode}");
    }
}
