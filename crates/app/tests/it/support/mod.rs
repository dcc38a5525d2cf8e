//! Runs the compiled binary in a temporary folder, and sends requests to it.

pub(crate) mod clerk;
mod conformity;
pub(crate) mod ledger;
pub(crate) mod services;
pub(crate) mod shell;
pub(crate) mod users;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use icp_test_postgres::Database;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

/// The working folder and the environment variables with which a test runs `icp`. Clones share the folder.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) folder: Arc<TempDir>,
    variables: HashMap<String, String>,
}

impl Setup {
    /// Returns a setup in which the service uses a free port and has metrics.
    pub(crate) fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("the temporary folder must be created"));
        let setup = Self { folder, variables: HashMap::new() };
        setup.with("ICP__SERVER__PORT", "0").with("ICP__METRICS__ENABLED", "true")
    }

    pub(crate) fn without(mut self, variable: &str) -> Self {
        self.variables.remove(variable);
        self
    }

    pub(crate) fn with(mut self, variable: &str, value: &str) -> Self {
        self.variables.insert(variable.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_icp"));
        command.args(arguments).current_dir(self.path()).env_clear().envs(&self.variables);
        command
    }

    /// Runs a command until it ends.
    pub(crate) fn icp(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().expect("`icp` must start")
    }

    /// Runs a command with `input` as its standard input, until it ends.
    pub(crate) fn icp_with_input(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("`icp` must start");
        // The write fails if an import closes its input early because of an error.
        let _ = child.stdin.take().expect("the input must be piped").write_all(input);
        child.wait_with_output().expect("`icp` must end")
    }

    /// Starts a command, and does not wait until it ends.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`icp` must start")
    }

    /// Creates the development key, as a service does at its first start.
    fn create_key(&self) {
        let path = self.path().join("data/development-key.pem");
        if path.exists() {
            return;
        }
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("the key must be generated");
        let der: Pkcs8V1Der<'_> = pair.as_der().expect("the key must be encoded");
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            BASE64_STANDARD.encode(der.as_ref())
        );
        std::fs::create_dir_all(self.path().join("data")).expect("the folder must be created");
        std::fs::write(path, pem).expect("the file must be written");
    }

    /// Returns a token of the development sign-in.
    pub(crate) fn token(&self, arguments: &[&str]) -> String {
        self.create_key();
        let output = self.icp(&[&["token"], arguments].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output).trim().to_owned()
    }

    /// Starts the service without reading its log, and waits until the service listens.
    pub(crate) fn start_with_unread_log(self) -> (std::process::ChildStderr, Service) {
        let mut service = self.launch(&[]);
        (service.child.stderr.take().expect("the output must be piped"), service.wait_until_listening())
    }

    /// Starts the service, and waits until the service listens.
    pub(crate) fn start(self) -> Service {
        self.start_with(&[])
    }

    /// Starts the service with command-line options, and waits until the service listens.
    pub(crate) fn start_with(self, options: &[&str]) -> Service {
        let mut service = self.launch(options);
        let lines = BufReader::new(service.child.stderr.take().expect("the output must be piped")).lines();
        let log = Arc::clone(&service.log);
        std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .for_each(|line| *log.lock().expect("the lock must not be poisoned") += &(line + "\n"));
        });
        service.wait_until_listening()
    }

    fn launch(self, options: &[&str]) -> Service {
        let mut command = self.command(&[&["serve"], options].concat());
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("`icp` must start");
        let start_message = BufReader::new(child.stdout.take().expect("the output must be piped"));
        Service {
            setup: self,
            child,
            address: String::new(),
            start_message,
            log: Arc::default(),
            database: None,
        }
    }
}

/// A running service. Its process is killed when this value is dropped.
pub(crate) struct Service {
    pub(crate) setup: Setup,
    pub(crate) child: Child,
    /// The base URL, such as `http://127.0.0.1:8080`.
    pub(crate) address: String,
    start_message: BufReader<std::process::ChildStdout>,
    log: Arc<Mutex<String>>,
    /// The database of this service, which is dropped after the process has ended.
    database: Option<Database>,
}

pub(crate) const LIST: &str = "/api/v1/entities/icps";

impl Service {
    fn wait_until_listening(mut self) -> Self {
        let mut first_line = String::new();
        self.start_message.read_line(&mut first_line).expect("`icp` must print its start message");
        let Some(address) = first_line.trim().strip_prefix("icp listens on ") else {
            std::thread::sleep(Duration::from_millis(200));
            panic!(
                "the service must start: {first_line}{}",
                self.log.lock().expect("the lock must not be poisoned")
            );
        };
        address.clone_into(&mut self.address);
        self
    }

    /// Builds a request, which [`Response::fetch`] sends.
    pub(crate) fn request(&self, method: Method, path: &str, token: &str) -> reqwest::RequestBuilder {
        client().request(method, format!("{}{path}", self.address)).bearer_auth(token)
    }

    /// Sends a request with a JSON body.
    pub(crate) async fn send(&self, method: Method, path: &str, token: &str, body: &Value) -> Response {
        let request = self.request(method, path, token).header("content-type", "application/json");
        Response::fetch(request.body(body.to_string())).await
    }

    /// Returns a token of the development sign-in.
    pub(crate) fn token(&self, user: &str) -> String {
        self.setup.token(&["--user", user, "--ttl", "1d"])
    }

    /// Returns a token of the development sign-in for an admin.
    pub(crate) fn admin_token(&self, user: &str) -> String {
        self.setup.token(&["--user", user, "--ttl", "1d", "--admin"])
    }

    /// Creates an ICP, which must succeed.
    #[track_caller]
    pub(crate) fn create(&self, token: &str, body: &Value) -> impl Future<Output = Response> {
        let location = std::panic::Location::caller();
        async move {
            let response = self.send(Method::POST, LIST, token, body).await;
            assert_eq!(response.status, 201, "{location}: {response:?}");
            response
        }
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Response {
        let mut request = client().get(format!("{}{path}", self.address));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Response::fetch(request).await
    }

    /// Requests the list of a user.
    pub(crate) async fn list(&self, user: &str) -> Response {
        self.get(LIST, Some(&self.setup.token(&["--user", user]))).await
    }

    /// Returns the host and the port, for tests that use raw sockets.
    pub(crate) fn socket_address(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// Reads the start message of the service up to the next line that starts with `start`, and returns this line.
    pub(crate) fn printed_line(&mut self, start: &str) -> String {
        let lines = self.start_message.by_ref().lines().map_while(Result::ok);
        lines.into_iter().find(|line| line.starts_with(start)).expect("the message must be printed")
    }

    /// Waits until the service has ended, and returns the rest of its start message.
    pub(crate) fn rest_of_start_message(&mut self) -> String {
        let mut rest = String::new();
        self.start_message.read_to_string(&mut rest).expect("`icp` must print its start message");
        rest
    }

    /// Returns the log. Waits until no more lines arrive, because the service may log a request after the response.
    pub(crate) fn log(&self) -> String {
        let read_log = || self.log.lock().expect("the lock must not be poisoned").clone();
        let mut log = read_log();
        loop {
            std::thread::sleep(Duration::from_millis(100));
            let longer_log = read_log();
            if longer_log.len() == log.len() {
                return log;
            }
            log = longer_log;
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.expect("the kill command must start").success());
    }

    /// Waits until the process ends. Returns `None` after `timeout`.
    pub(crate) fn wait_for_exit(&mut self, timeout: Duration) -> Option<std::process::ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.child.try_wait().expect("the state of the process must be known") {
                Some(status) => return Some(status),
                None if Instant::now() > deadline => return None,
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A response of the service.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Response {
    /// Sends a request, and checks the response against the OpenAPI document.
    pub(crate) async fn fetch(request: reqwest::RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.expect("the request must be valid");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = client.execute(request).await.expect("the service must respond");
        let (status, headers) = (response.status(), response.headers().clone());
        let response =
            Self { status, headers, body: response.text().await.expect("the body must be complete") };
        conformity::check(&method, &path, &response);
        response
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("the header must be ASCII"))
    }

    /// Returns the path of the ICP in the response.
    pub(crate) fn icp_path(&self) -> String {
        format!("{LIST}/{}", self.json()["id"].as_str().expect("the ICP must have an ID"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("the body must be JSON: {self:?}"))
    }

    /// Checks that the response is an error in the format of the API.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["code"], code, "{problem}");
        for field in ["type", "title", "detail"] {
            assert!(problem[field].is_string(), "the problem must have {field}: {problem}");
        }
        assert_eq!(problem["requestId"], self.header("x-request-id"), "{problem}");
        assert!(!self.header("x-request-id").is_empty());
    }
}

/// Creates a client without TLS. A client with TLS would read the certificates of the system, which takes ten times
/// as long as a request.
pub(crate) fn client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    builder.timeout(Duration::from_secs(20)).build().expect("the client must be built")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command that must fail, and returns its message.
#[track_caller]
pub(crate) fn run_failing(setup: &Setup, arguments: &[&str]) -> String {
    let output = setup.icp(arguments);
    assert!(!output.status.success(), "icp {arguments:?} must fail: {}", stdout(&output));
    let message = stderr(&output);
    assert!(
        message.lines().any(|line| line.starts_with("error: ")),
        "the command must print an error: {message}"
    );
    assert!(!message.contains("panicked"), "{message}");
    message
}

/// Repeats a check until it returns true. Returns false after `timeout`.
pub(crate) async fn eventually<F: Future<Output = bool>>(
    timeout: Duration,
    mut check: impl FnMut() -> F,
) -> bool {
    let deadline = Instant::now() + timeout;
    while Instant::now() < deadline {
        if check().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}
