//! Runs nginx and HAProxy in front of the service, with configurations that operators often use.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::support::shell::blocks;
use crate::support::{LIST, Service, Setup, eventually};

const PROXY_GUIDE: &str = include_str!("../../../../../docs/how-to/proxy.md");

const REQUEST_COUNT: usize = 1_000;
const CONCURRENCY: usize = 8;

/// A running proxy. Its process is killed when this value is dropped.
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

fn find_program(name: &str) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].into_iter();
    let program = folders.map(|folder| PathBuf::from(folder).join(name)).find(|program| program.is_file());
    program.unwrap_or_else(|| panic!("{name} must be installed; cargo xtask test --all installs it"))
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("the listener must bind the port");
    listener.local_addr().expect("the listener must have an address").port()
}

impl Proxy {
    /// Replaces PORT and FOLDER in the configuration, and starts the proxy with it.
    async fn start(name: &str, configuration: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder must be created");
        let (port, path) = (free_port(), folder.path().to_str().expect("the path must be UTF-8"));
        let file = folder.path().join("proxy.conf");
        let text = configuration.replace("PORT", &port.to_string()).replace("FOLDER", path);
        std::fs::write(&file, text).expect("the file must be written");
        let arguments = arguments.iter().map(|argument| argument.replace("FOLDER", path));
        let child = Command::new(find_program(name)).args(arguments).stdout(Stdio::null()).spawn();
        let proxy = Self {
            child: child.expect("the proxy must start"),
            address: format!("http://127.0.0.1:{port}"),
            _folder: folder,
        };
        let client = crate::support::client();
        let accepts_requests =
            async || client.get(format!("{}/health/live", proxy.address)).send().await.is_ok();
        assert!(eventually(Duration::from_secs(10), accepts_requests).await, "{name} must accept requests");
        proxy
    }

    async fn start_nginx(service: &Service, location: &str) -> Self {
        let upstream = service.socket_address();
        Self::start_nginx_with(&format!(
            "upstream icp {{ server {upstream}; keepalive 4; }}\n\
             server {{ listen 127.0.0.1:PORT; location / {{ {location} }} }}"
        ))
        .await
    }

    /// Starts nginx with the `server` blocks `servers`.
    async fn start_nginx_with(servers: &str) -> Self {
        let configuration = format!(
            "daemon off; master_process off; pid FOLDER/pid; error_log stderr crit; events {{}}\n\
             http {{ access_log off; client_body_temp_path FOLDER/a; proxy_temp_path FOLDER/b; fastcgi_temp_path FOLDER/c;\n\
             uwsgi_temp_path FOLDER/d; scgi_temp_path FOLDER/e;\n\
             {servers} }}"
        );
        Self::start("nginx", &configuration, &["-p", "FOLDER", "-c", "FOLDER/proxy.conf"]).await
    }

    async fn start_haproxy(service: &Service) -> Self {
        let upstream = service.socket_address();
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
    let send_requests = async |_| {
        let mut statuses = Vec::new();
        for _ in 0..REQUEST_COUNT / CONCURRENCY {
            statuses.push(create().await);
        }
        statuses
    };
    let statuses = join_all((0..CONCURRENCY).map(send_requests)).await.concat();
    let failed: Vec<_> = statuses.iter().filter(|status| **status != StatusCode::CREATED).collect();
    assert_eq!(statuses.len(), REQUEST_COUNT);
    assert!(failed.is_empty(), "{} of {REQUEST_COUNT} requests failed: {failed:?}", failed.len());
}

fn start_service() -> Service {
    Setup::new().with("ICP__LOG__LEVEL", "warn").start()
}

/// Many published configurations send the header for WebSockets with every request.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx: cargo xtask test --all"]
async fn nginx_with_upgrade_header_breaks_no_connection() {
    let service = start_service();
    let location = "proxy_pass http://icp; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                    proxy_set_header Connection 'upgrade'; proxy_set_header Host $host;";
    let proxy = Proxy::start_nginx(&service, location).await;
    assert_creates_succeed(&service, &proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx: cargo xtask test --all"]
async fn nginx_with_defaults_breaks_no_connection() {
    let service = start_service();
    for location in [
        "proxy_pass http://icp;",
        "proxy_pass http://icp; proxy_http_version 1.1; proxy_set_header Connection '';",
    ] {
        let proxy = Proxy::start_nginx(&service, location).await;
        assert_creates_succeed(&service, &proxy).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs HAProxy: cargo xtask test --all"]
async fn haproxy_with_defaults_breaks_no_connection() {
    let service = start_service();
    let proxy = Proxy::start_haproxy(&service).await;
    assert_creates_succeed(&service, &proxy).await;
}

/// Returns a configuration of the guide for proxies, without TLS.
fn read_configuration(language: &str, replacements: &[(&str, &str)]) -> String {
    let block = blocks(PROXY_GUIDE, language)[0];
    let lines = block.lines().filter(|line| !line.trim_start().starts_with("ssl_"));
    // HAProxy requires a line feed at the end of the file.
    let text = lines.collect::<Vec<_>>().join("\n") + "\n";
    replacements.iter().fold(text, |text, (documented, replacement)| {
        assert!(text.contains(documented), "{documented}");
        text.replace(documented, replacement)
    })
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx: cargo xtask test --all"]
async fn documented_nginx_breaks_no_connection() {
    let service = start_service();
    let replacements =
        [("listen 443 ssl", "listen 127.0.0.1:PORT"), ("127.0.0.1:8080", service.socket_address())];
    let proxy = Proxy::start_nginx_with(&read_configuration("nginx", &replacements)).await;
    assert_creates_succeed(&service, &proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs HAProxy: cargo xtask test --all"]
async fn documented_haproxy_breaks_no_connection() {
    let service = start_service();
    let replacements = [
        (":443 ssl crt /etc/haproxy/icp.pem alpn h2,http/1.1", "127.0.0.1:PORT"),
        ("10.0.0.1:8080", service.socket_address()),
        ("10.0.0.2:8080", service.socket_address()),
    ];
    let arguments = ["-db", "-q", "-f", "FOLDER/proxy.conf"];
    let proxy = Proxy::start("haproxy", &read_configuration("haproxy", &replacements), &arguments).await;
    assert_creates_succeed(&service, &proxy).await;
}
