//! nginx and HAProxy in front of the service, with configurations that are in use.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::support::shell::blocks;
use crate::support::{LIST, Service, Setup, eventually};

const PAGE: &str = include_str!("../../../../../docs/how-to/proxy.md");

const REQUESTS: usize = 1_000;
const CONCURRENCY: usize = 8;

/// A proxy. It ends when this is dropped.
struct Proxy {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(name: &str) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].into_iter();
    let found = folders.map(|folder| PathBuf::from(folder).join(name)).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("{name}; cargo xtask test --all installs it"))
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("the listener must bind the port");
    listener.local_addr().expect("the listener must have an address").port()
}

impl Proxy {
    /// Starts a proxy with a configuration in which PORT and FOLDER are replaced.
    async fn start(name: &str, configuration: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder must be created");
        let (port, path) = (free_port(), folder.path().to_str().expect("the header must be ASCII"));
        let file = folder.path().join("proxy.conf");
        let text = configuration.replace("PORT", &port.to_string()).replace("FOLDER", path);
        std::fs::write(&file, text).expect("the file must be written");
        let arguments = arguments.iter().map(|argument| argument.replace("FOLDER", path));
        let child = Command::new(program(name)).args(arguments).stdout(Stdio::null()).spawn();
        let proxy = Self {
            child: child.expect("must run"),
            address: format!("http://127.0.0.1:{port}"),
            _folder: folder,
        };
        let client = crate::support::client();
        let responses = async || client.get(format!("{}/health/live", proxy.address)).send().await.is_ok();
        assert!(eventually(Duration::from_secs(10), responses).await, "{name} listens");
        proxy
    }

    async fn nginx(service: &Service, location: &str) -> Self {
        let upstream = service.socket();
        Self::nginx_with(&format!(
            "upstream icp {{ server {upstream}; keepalive 4; }}\n\
             server {{ listen 127.0.0.1:PORT; location / {{ {location} }} }}"
        ))
        .await
    }

    /// Starts nginx with these servers.
    async fn nginx_with(servers: &str) -> Self {
        let configuration = format!(
            "daemon off; master_process off; pid FOLDER/pid; error_log stderr crit; events {{}}\n\
             http {{ access_log off; client_body_temp_path FOLDER/a; proxy_temp_path FOLDER/b; fastcgi_temp_path FOLDER/c;\n\
             uwsgi_temp_path FOLDER/d; scgi_temp_path FOLDER/e;\n\
             {servers} }}"
        );
        Self::start("nginx", &configuration, &["-p", "FOLDER", "-c", "FOLDER/proxy.conf"]).await
    }

    async fn haproxy(service: &Service) -> Self {
        let upstream = service.socket();
        let configuration = format!(
            "defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
             frontend f\n  bind 127.0.0.1:PORT\n  default_backend b\nbackend b\n  server s {upstream}\n"
        );
        Self::start("haproxy", &configuration, &["-db", "-q", "-f", "FOLDER/proxy.conf"]).await
    }
}

/// Creates ICPs through a proxy. Every request must succeed.
async fn assert_creates_succeed(service: &Service, proxy: &Proxy) {
    let token = service.token("user_ada");
    let client = crate::support::client();
    let create = async || {
        let request = client.post(format!("{}{LIST}", proxy.address)).bearer_auth(&token);
        let request = request.header("content-type", "application/json");
        request
            .body(r#"{"name":"A","leadProviderCriteria":[]}"#)
            .send()
            .await
            .expect("the service must respond")
            .status()
    };
    let work = async |_| {
        let mut statuses = Vec::new();
        for _ in 0..REQUESTS / CONCURRENCY {
            statuses.push(create().await);
        }
        statuses
    };
    let statuses = join_all((0..CONCURRENCY).map(work)).await.concat();
    let failed: Vec<_> = statuses.iter().filter(|status| **status != StatusCode::CREATED).collect();
    assert_eq!(statuses.len(), REQUESTS);
    assert!(failed.is_empty(), "{} of {REQUESTS} failed: {failed:?}", failed.len());
}

fn service() -> Service {
    Setup::new().with("ICP__LOG__LEVEL", "warn").start()
}

/// A much-copied configuration: the header for WebSockets on every request.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx: cargo xtask test --all"]
async fn nginx_with_upgrade_header_gets_no_broken_connection() {
    let service = service();
    let location = "proxy_pass http://icp; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                    proxy_set_header Connection 'upgrade'; proxy_set_header Host $host;";
    let proxy = Proxy::nginx(&service, location).await;
    assert_creates_succeed(&service, &proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx: cargo xtask test --all"]
async fn nginx_with_defaults_gets_no_broken_connection() {
    let service = service();
    for location in [
        "proxy_pass http://icp;",
        "proxy_pass http://icp; proxy_http_version 1.1; proxy_set_header Connection '';",
    ] {
        let proxy = Proxy::nginx(&service, location).await;
        assert_creates_succeed(&service, &proxy).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs HAProxy: cargo xtask test --all"]
async fn haproxy_with_defaults_gets_no_broken_connection() {
    let service = service();
    let proxy = Proxy::haproxy(&service).await;
    assert_creates_succeed(&service, &proxy).await;
}

/// Returns a configuration of the page, without TLS.
fn documented(language: &str, replacements: &[(&str, &str)]) -> String {
    let block = blocks(PAGE, language)[0];
    let lines = block.lines().filter(|line| !line.trim_start().starts_with("ssl_"));
    // HAProxy requires a line end at the end of the file.
    let text = lines.collect::<Vec<_>>().join("\n") + "\n";
    replacements.iter().fold(text, |text, (shown, real)| {
        assert!(text.contains(shown), "{shown}");
        text.replace(shown, real)
    })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx: cargo xtask test --all"]
async fn documented_nginx_gets_no_broken_connection() {
    let service = service();
    let replacements = [("listen 443 ssl", "listen 127.0.0.1:PORT"), ("127.0.0.1:8080", service.socket())];
    let proxy = Proxy::nginx_with(&documented("nginx", &replacements)).await;
    assert_creates_succeed(&service, &proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs HAProxy: cargo xtask test --all"]
async fn documented_haproxy_gets_no_broken_connection() {
    let service = service();
    let replacements = [
        (":443 ssl crt /etc/haproxy/icp.pem alpn h2,http/1.1", "127.0.0.1:PORT"),
        ("10.0.0.1:8080", service.socket()),
        ("10.0.0.2:8080", service.socket()),
    ];
    let arguments = ["-db", "-q", "-f", "FOLDER/proxy.conf"];
    let proxy = Proxy::start("haproxy", &documented("haproxy", &replacements), &arguments).await;
    assert_creates_succeed(&service, &proxy).await;
}
