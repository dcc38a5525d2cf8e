//! The server around the API: sockets, time limits, the end.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::middleware::{Compress, Condition, from_fn};
use actix_web::rt::net::TcpStream;
use actix_web::{App, dev, web};
use socket2::SockRef;

use super::mcp::Mcp;
use super::{Api, ProtectedResource, connections, context, cors, metrics_route, operator_routes, routes};
use crate::settings::ServerSettings;

/// For the head of a request, from its first byte. Slower clients are cut off, on a later request with what is left of
/// the keep-alive time added.
const REQUEST_HEAD_LIMIT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept: longer than most balancers keep theirs would delay every shutdown.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// For a client that takes no byte of its answer.
const STALLED_READER_LIMIT: Duration = Duration::from_secs(30);

/// What there is beside the API, where it is switched on.
#[derive(Debug)]
pub(crate) struct Additions {
    /// What connections are encrypted with.
    pub(crate) tls: Option<rustls::ServerConfig>,
    /// The endpoint for AI assistants.
    pub(crate) mcp: bool,
    /// That endpoint as an OAuth resource.
    pub(crate) protected_resource: Option<ProtectedResource>,
    /// What is measured, for whoever asks.
    pub(crate) metrics: bool,
}

/// A server that listens, and serves once it runs.
pub(crate) struct HttpServer {
    server: dev::Server,
    address: SocketAddr,
}

impl HttpServer {
    /// Listens. Must be called within actix's runtime.
    ///
    /// # Errors
    ///
    /// Why the address cannot be listened on.
    pub(crate) fn bind(
        settings: &ServerSettings,
        additions: Additions,
        apis: Vec<web::Data<Api>>,
    ) -> io::Result<Self> {
        let (has_metrics, has_mcp) = (additions.metrics, additions.mcp);
        let protected_resource = additions.protected_resource;
        let origins = settings.cors_origins.clone();
        let apis = Arc::new(PerWorker::new(apis));
        let app = move || {
            let api = apis.get();
            let with_cookies = api.session_cookie;
            let mcp = has_mcp.then(|| Mcp::new(&api, &origins, protected_resource.clone()));
            let has_cors = !origins.is_empty() || protected_resource.is_some();
            // The last is the outermost.
            App::new()
                .app_data(api.clone())
                .wrap(Compress::default())
                .wrap(Condition::new(has_cors, cors::allowing(&origins, with_cookies)))
                .wrap(from_fn(context::surround))
                .configure(routes)
                .configure(|config| mcp.iter().cloned().for_each(|mcp| mcp.routes()(config)))
                .configure(|config| protected_resource.iter().for_each(|resource| resource.routes(config)))
                .configure(|config| {
                    if has_metrics {
                        metrics_route(config);
                    }
                })
        };
        let server = actix_web::HttpServer::new(app)
            .workers(settings.workers())
            .client_request_timeout(REQUEST_HEAD_LIMIT)
            .keep_alive(KEEP_ALIVE)
            .shutdown_timeout(settings.shutdown_limit.as_secs())
            .on_connect(tune)
            .disable_signals();
        let address = (host(&settings.host), settings.port);
        let server = match additions.tls {
            Some(tls) => server.tls_handshake_timeout(REQUEST_HEAD_LIMIT).bind_rustls_0_23(address, tls)?,
            None => server.bind(address)?,
        };
        Self::listening(&server.addrs(), server.run())
    }

    /// Listens for those who look after the service, on a port of their own and with a thread of its own.
    ///
    /// # Errors
    ///
    /// Why the address cannot be listened on.
    pub(crate) fn bind_for_operators(address: (&str, u16), api: web::Data<Api>) -> io::Result<Self> {
        let app = move || {
            App::new().app_data(api.clone()).wrap(from_fn(context::surround)).configure(operator_routes)
        };
        let server = actix_web::HttpServer::new(app)
            .client_request_timeout(REQUEST_HEAD_LIMIT)
            .keep_alive(KEEP_ALIVE)
            .workers(1)
            .on_connect(tune)
            .disable_signals();
        let server = server.bind((host(address.0), address.1))?;
        Self::listening(&server.addrs(), server.run())
    }

    fn listening(addresses: &[SocketAddr], server: dev::Server) -> io::Result<Self> {
        let address = addresses.first().copied().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { server, address })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle to stop it with.
    pub(crate) fn handle(&self) -> dev::ServerHandle {
        self.server.handle()
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    ///
    /// Why it cannot serve any longer.
    pub(crate) async fn run(self) -> io::Result<()> {
        self.server.await
    }
}

/// Gives each worker thread a value of its own, and the same one whenever it asks again: for each address that it serves.
struct PerWorker<T> {
    values: Vec<T>,
    threads: Mutex<Vec<ThreadId>>,
}

impl<T: Clone> PerWorker<T> {
    fn new(values: Vec<T>) -> Self {
        Self { values, threads: Mutex::default() }
    }

    #[expect(clippy::indexing_slicing, reason = "there is at least one value")]
    fn get(&self) -> T {
        let thread = thread::current().id();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let index = threads.iter().position(|known| *known == thread).unwrap_or_else(|| {
            threads.push(thread);
            threads.len() - 1
        });
        self.values[index % self.values.len()].clone()
    }
}

impl std::fmt::Debug for HttpServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HttpServer").field("address", &self.address).finish_non_exhaustive()
    }
}

/// An address as the system takes it: an IPv6 one without its brackets.
fn host(host: &str) -> &str {
    host.trim_matches(['[', ']'])
}

/// What cannot be set on the server is set on each of its connections.
fn tune(connection: &dyn Any, data: &mut dev::Extensions) {
    let encrypted = || Some(connection.downcast_ref::<TlsStream<TcpStream>>()?.get_ref().0);
    let Some(stream) = connection.downcast_ref::<TcpStream>().or_else(encrypted) else { return };
    let socket = SockRef::from(stream);
    // Neither may fail a connection: they make it better, and it works without.
    let _ = socket.set_tcp_nodelay(true);
    // actix waits for slow readers without end; the kernel gives up on one that takes nothing.
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(STALLED_READER_LIMIT));
    connections::watch(stream, data, KEEP_ALIVE + REQUEST_HEAD_LIMIT);
}
