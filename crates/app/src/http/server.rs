//! The HTTP server: its routes and middleware, sockets and time limits.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::middleware::Condition;
use actix_web::rt::net::TcpStream;
use actix_web::web::{self, Data};
use actix_web::{App, dev};
use socket2::SockRef;

use super::mcp::Mcp;
use super::middleware::{
    ConnectionRules, KeepUnreadBody, Layer, Observe, ProblemResponses, RestrictCorsHeaders, allow_origins,
};
use super::routing::limited_anonymous;
use super::{State, connections, docs, history, icps, system};
use crate::shutdown::Draining;
use icp_settings::ServerSettings;

/// Time limit of the head of a connection's first request, from the start of the connection. The head of a later
/// request must arrive within this time plus the keep-alive time, from the end of the previous response.
const REQUEST_HEAD_LIMIT: Duration = Duration::from_secs(5);
/// Time limit of a TLS handshake, which takes one or two round trips.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(3);
/// Maximum number of TLS handshakes in progress in a worker. A worker at its limit accepts no connection. The default
/// of actix is 256, which a few clients that send nothing would reach. A handshake in progress costs only a few
/// kilobytes, so this limit equals actix's limit of connections per worker.
const MAX_HANDSHAKES: usize = 25_000;
/// On Linux, the kernel closes a connection after this time if the client reads no byte of the response.
const STALLED_READER_LIMIT: Duration = Duration::from_secs(30);

/// The optional parts of the server.
#[derive(Debug)]
pub(crate) struct Options {
    /// The TLS configuration. `None` turns TLS off.
    pub(crate) tls: Option<rustls::ServerConfig>,
    /// The endpoint for AI assistants. `None` turns it off.
    pub(crate) mcp: Option<Mcp>,
    /// True if the server serves `/metrics`.
    pub(crate) metrics: bool,
}

/// A server that listens. [`HttpServer::run`] serves requests.
pub(crate) struct HttpServer {
    server: dev::Server,
    address: SocketAddr,
}

impl HttpServer {
    /// Listens on the configured address. Must be called within actix's runtime. Each worker gets one of the states.
    ///
    /// # Errors
    ///
    /// If the server cannot listen on the address.
    pub(crate) fn bind(
        settings: &ServerSettings,
        options: Options,
        states: Vec<Data<State>>,
    ) -> io::Result<Self> {
        let Options { tls, mcp, metrics } = options;
        // A separate thread prepares the files. In a worker, this would delay requests.
        thread::spawn(|| {
            docs::prepare();
            system::prepare();
        });
        let draining = states.first().map(|state| state.draining.clone()).unwrap_or_default();
        let states = Arc::new(PerWorker::new(states));
        let origins = settings.cors_origins.clone();
        let app = move || {
            let state = states.get();
            let has_cors = !origins.is_empty() || mcp.as_ref().is_some_and(Mcp::is_protected_resource);
            let cors = allow_origins(&origins, state.session_cookie);
            // The middleware that is added last is the outermost: it sees a request first, and its response last.
            App::new()
                .app_data(state.clone())
                .wrap(Condition::new(has_cors, cors))
                .wrap(Condition::new(has_cors, Layer(RestrictCorsHeaders)))
                .wrap(Layer(ProblemResponses))
                .wrap(Layer(KeepUnreadBody))
                .wrap(Layer(Observe))
                .wrap(Layer(ConnectionRules))
                .configure(history::deleted_routes)
                .configure(icps::routes)
                .configure(history::routes)
                .configure(docs::routes)
                .configure(system::openapi_route)
                .configure(system::health_routes)
                .configure(|config| {
                    if let Some(mcp) = &mcp {
                        mcp.routes(&state, config);
                    }
                    if metrics {
                        system::metrics_route(config);
                    }
                })
                .default_service(limited_anonymous(web::to(system::no_such_route)))
        };
        let server = actix_web::HttpServer::new(app)
            .workers(settings.workers())
            .client_request_timeout(REQUEST_HEAD_LIMIT)
            .keep_alive(settings.keep_alive)
            .shutdown_timeout(settings.shutdown_limit.as_secs())
            .on_connect(tune_connections(settings.keep_alive, draining))
            .disable_signals();
        let address = (without_brackets(&settings.host), settings.port);
        let server = match tls {
            Some(tls) => server
                .max_connection_rate(MAX_HANDSHAKES)
                .tls_handshake_timeout(HANDSHAKE_LIMIT)
                .bind_rustls_0_23(address, tls)?,
            None => server.bind(address)?,
        };
        Self::from_server(&server.addrs(), server.run())
    }

    /// Listens on the port for operators. A separate thread serves health and metrics there.
    ///
    /// # Errors
    ///
    /// If the server cannot listen on the address.
    pub(crate) fn bind_for_operators(
        settings: &ServerSettings,
        address: (&str, u16),
        state: Data<State>,
    ) -> io::Result<Self> {
        let tune_connections = tune_connections(settings.keep_alive, state.draining.clone());
        let app = move || {
            App::new()
                .app_data(state.clone())
                .wrap(Layer(ProblemResponses))
                .wrap(Layer(KeepUnreadBody))
                .wrap(Layer(Observe))
                .wrap(Layer(ConnectionRules))
                .configure(system::health_routes)
                .configure(system::metrics_route)
                .default_service(limited_anonymous(web::to(system::no_such_route)))
        };
        let server = actix_web::HttpServer::new(app)
            .client_request_timeout(REQUEST_HEAD_LIMIT)
            .keep_alive(settings.keep_alive)
            .workers(1)
            .on_connect(tune_connections)
            .disable_signals();
        let server = server.bind((without_brackets(address.0), address.1))?;
        Self::from_server(&server.addrs(), server.run())
    }

    fn from_server(addresses: &[SocketAddr], server: dev::Server) -> io::Result<Self> {
        let address = addresses.first().copied().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { server, address })
    }

    /// Returns the address that the server listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns a handle that can stop the server.
    pub(crate) fn handle(&self) -> dev::ServerHandle {
        self.server.handle()
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    ///
    /// If the server fails.
    pub(crate) async fn run(self) -> io::Result<()> {
        self.server.await
    }
}

/// Assigns one value to each worker thread. actix calls [`PerWorker::get`] on a thread once for each address that it
/// listens on, and gets the same value each time.
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

/// Returns a host in the form that the operating system expects: an IPv6 address without brackets.
fn without_brackets(host: &str) -> &str {
    host.trim_matches(['[', ']'])
}

/// Returns a function that sets the options of each connection, and starts to watch it.
fn tune_connections(
    keep_alive: Duration,
    draining: Draining,
) -> impl Fn(&dyn Any, &mut dev::Extensions) + Clone {
    move |connection, data| {
        let encrypted = || Some(connection.downcast_ref::<TlsStream<TcpStream>>()?.get_ref().0);
        let Some(stream) = connection.downcast_ref::<TcpStream>().or_else(encrypted) else { return };
        let socket = SockRef::from(stream);
        // Failures are ignored: a connection works without these options.
        let _ = socket.set_tcp_nodelay(true);
        // actix waits for slow clients without limit. The kernel closes the connection of a client that reads nothing.
        #[cfg(target_os = "linux")]
        let _ = socket.set_tcp_user_timeout(Some(STALLED_READER_LIMIT));
        connections::watch(stream, data, keep_alive + REQUEST_HEAD_LIMIT, &draining);
    }
}
