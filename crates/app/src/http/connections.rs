//! Connections that wait too long for a request.
//!
//! actix limits the time only for the head of the first request of a connection. After the first byte of a later request, it
//! waits for the rest without a time limit. Idle connections also delay the end of the process, so they are closed when the
//! service stops.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsRawFd as _, RawFd};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt;
use actix_web::rt::net::TcpStream;
use nix::sys::socket::{Shutdown, SockaddrStorage, getpeername, shutdown};

use crate::shutdown::Draining;

const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

thread_local! {
    /// The connections of this worker: a connection never leaves its thread. A task checks them while there are any.
    static WATCHED: RefCell<Vec<Weak<Connection>>> = const { RefCell::new(Vec::new()) };
}

struct Connection {
    /// The number of the file descriptor. A duplicate would need a second file descriptor for each of ten thousand idle clients.
    /// The number belongs to the connection while this value exists: actix drops both together, on this thread. As a
    /// safeguard, the address of the peer is compared.
    socket: RawFd,
    peer: Option<SockaddrStorage>,
    requests: Cell<usize>,
    last_change: Cell<Instant>,
}

impl Connection {
    /// Shuts down reading. actix treats it as the end of input, and still sends the responses in progress.
    fn end(&self) {
        if self.peer.is_some() && getpeername(self.socket).ok() == self.peer {
            let _ = shutdown(self.socket, Shutdown::Read);
        }
    }

    fn count(&self, requests: usize) {
        self.requests.set(requests);
        self.last_change.set(Instant::now());
    }
}

/// Ends a connection when it has had no request for longer than `limit`, or when the service stops.
pub(super) fn watch(stream: &TcpStream, data: &mut Extensions, limit: Duration, draining: &Draining) {
    let socket = stream.as_raw_fd();
    let connection = Rc::new(Connection {
        socket,
        peer: getpeername(socket).ok(),
        requests: Cell::new(0),
        last_change: Cell::new(Instant::now()),
    });
    WATCHED.with_borrow_mut(|watched| {
        if watched.is_empty() {
            rt::spawn(sweep(limit, draining.clone()));
        }
        watched.push(Rc::downgrade(&connection));
    });
    data.insert(connection);
}

async fn sweep(limit: Duration, draining: Draining) {
    loop {
        rt::time::sleep(SWEEP_INTERVAL).await;
        let is_done = WATCHED.with_borrow_mut(|watched| {
            watched.retain(|connection| {
                let Some(connection) = connection.upgrade() else { return false };
                // A client that has just connected is about to send a request.
                let limit = if draining.is_over() { SWEEP_INTERVAL } else { limit };
                if connection.requests.get() == 0 && connection.last_change.get().elapsed() > limit {
                    connection.end();
                }
                true
            });
            watched.is_empty()
        });
        if is_done {
            return;
        }
    }
}

/// A request in flight on its connection, until this is dropped.
pub(super) struct InFlight(Option<Rc<Connection>>);

impl InFlight {
    pub(super) fn begin(request: &ServiceRequest) -> Self {
        let connection = request.conn_data::<Rc<Connection>>().cloned();
        if let Some(connection) = &connection {
            connection.count(connection.requests.get() + 1);
        }
        Self(connection)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(connection) = &self.0 {
            connection.count(connection.requests.get().saturating_sub(1));
        }
    }
}
