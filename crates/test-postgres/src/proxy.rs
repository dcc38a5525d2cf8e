use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::cluster::USER;
use super::{Error, port};

const BUFFER_BYTES: usize = 64 * 1024;

/// A TCP proxy that injects faults between clients and a server.
///
/// The proxy listens on a free port of 127.0.0.1, and forwards all connections to the server. It runs in separate
/// threads, so that its clients can run in any runtime. When the proxy is dropped, it closes all connections.
///
/// ```no_run
/// use icp_test_postgres::{Proxy, Server};
///
/// let server = Server::start()?;
/// let proxy = Proxy::start(server.port())?;
/// println!("{}", proxy.url("postgres"));
/// proxy.freeze(); // Clients get no responses until `thaw`.
/// proxy.thaw(); // Clients get the delayed responses.
/// # Ok::<(), icp_test_postgres::Error>(())
/// ```
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    link: Arc<Link>,
    /// The thread that accepts connections.
    acceptor: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
}

#[derive(Debug)]
struct Link {
    server_port: u16,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    refuses_connections: bool,
    is_frozen: bool,
    /// The proxy drops the next response that contains these bytes.
    lost_response: Option<Vec<u8>>,
    received_bytes: u64,
    /// For each connection, the stream to the client and the stream to the server.
    connections: HashMap<u64, [TcpStream; 2]>,
    last_connection_id: u64,
}

impl Proxy {
    /// Starts a proxy to the server on `server_port` of 127.0.0.1. Returns when the proxy accepts connections.
    pub fn start(server_port: u16) -> Result<Self, Error> {
        let state = Mutex::new(State { refuses_connections: true, ..State::default() });
        let link = Arc::new(Link { server_port, state, changed: Condvar::new() });
        let proxy = Self { port: port::find_free_port()?, link, acceptor: Mutex::new(None) };
        proxy.accept_connections()?;
        Ok(proxy)
    }

    /// Returns the URL of a database behind the proxy.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Returns the port on which the proxy listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes all connections. New connections are accepted.
    pub fn cut(&self) {
        for (_, streams) in self.link.state().connections.drain() {
            close(&streams);
        }
    }

    /// Stops forwarding bytes in both directions until [`Proxy::thaw`]. Still accepts connections.
    pub fn freeze(&self) {
        self.link.change(|state| state.is_frozen = true);
    }

    /// Ends [`Proxy::freeze`], and forwards the delayed bytes.
    pub fn thaw(&self) {
        self.link.change(|state| state.is_frozen = false);
    }

    /// Refuses new connections until [`Proxy::accept_connections`]. Open connections stay open.
    pub fn refuse_connections(&self) {
        let Some(acceptor) = self.acceptor().take() else { return };
        self.link.change(|state| state.refuses_connections = true);
        // This connection wakes the accepting thread, which then closes the listening socket.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        let _ = acceptor.join();
    }

    /// Accepts connections again on the same port.
    pub fn accept_connections(&self) -> Result<(), Error> {
        let mut acceptor = self.acceptor();
        if acceptor.is_none() {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port));
            let listener =
                listener.map_err(Error::during(format_args!("listening on port {}", self.port)))?;
            self.link.change(|state| state.refuses_connections = false);
            let link = Arc::clone(&self.link);
            *acceptor = Some(thread::spawn(move || link.accept_from(&listener)));
        }
        Ok(())
    }

    /// Drops the next response of the server. The proxy still forwards the bytes of clients, so the server executes
    /// the statement. When the server sends the next bytes on any connection, the proxy drops the bytes and closes
    /// the connection.
    pub fn lose_next_response(&self) {
        self.lose_response_with(b"");
    }

    /// Like [`Proxy::lose_next_response`], but drops the next response that contains `bytes`. For a transaction of
    /// several statements, the response to the last statement contains `b"COMMIT\0"`.
    pub fn lose_response_with(&self, bytes: &[u8]) {
        self.link.change(|state| state.lost_response = Some(bytes.to_vec()));
    }

    /// Returns the number of bytes that the proxy has forwarded from the server to clients.
    pub fn received_bytes(&self) -> u64 {
        self.link.state().received_bytes
    }

    fn acceptor(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.acceptor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.refuse_connections();
        self.cut();
        self.thaw();
    }
}

impl Link {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    fn accept_from(self: &Arc<Self>, listener: &TcpListener) {
        while let Ok((client, _)) = listener.accept() {
            if self.state().refuses_connections {
                return;
            }
            // If the server is stopped, `connect` fails, which closes the connection of the client.
            let _ = self.connect(client);
        }
    }

    /// Connects to the server, and starts threads that forward bytes in both directions.
    fn connect(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server_port))?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let connection = {
            let mut state = self.state();
            state.last_connection_id += 1;
            let connection = state.last_connection_id;
            state.connections.insert(connection, [client.try_clone()?, server.try_clone()?]);
            connection
        };
        let directions =
            [(Sender::Client, client.try_clone()?, server.try_clone()?), (Sender::Server, server, client)];
        for (from, mut source, mut target) in directions {
            let link = Arc::clone(self);
            thread::spawn(move || {
                let _ = link.forward(from, &mut source, &mut target);
                close(&[source, target]);
                link.state().connections.remove(&connection);
            });
        }
        Ok(())
    }

    /// Forwards bytes from `source` to `target`. Returns when a side closes the connection, or when a response must
    /// be dropped.
    fn forward(&self, from: Sender, source: &mut TcpStream, target: &mut TcpStream) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let length = source.read(&mut buffer)?;
            let bytes = buffer.get(..length).unwrap_or_default();
            if bytes.is_empty() || !self.may_forward(from, bytes) {
                return Ok(());
            }
            target.write_all(bytes)?;
        }
    }

    /// Waits while the proxy is frozen. Returns false if the bytes must be dropped.
    fn may_forward(&self, from: Sender, bytes: &[u8]) -> bool {
        let state = self.changed.wait_while(self.state(), |state| state.is_frozen);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if from == Sender::Client {
            return true;
        }
        if state.lost_response.as_ref().is_some_and(|lost| contains(bytes, lost)) {
            state.lost_response = None;
            return false;
        }
        state.received_bytes += bytes.len() as u64;
        true
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
}

fn close(streams: &[TcpStream; 2]) {
    for stream in streams {
        let _ = stream.shutdown(Shutdown::Both);
    }
}
