//! Closes connections whose client sends no complete request for too long.
//!
//! actix limits the time only for the head of the first request of a connection. After the first byte of a later
//! request, it waits for the rest without a time limit. Idle connections also delay the end of the process, so they are
//! closed when the service stops.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsRawFd as _, RawFd};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt;
use actix_web::rt::net::TcpStream;
use nix::sys::socket::{Shutdown, SockaddrStorage, getpeername, shutdown};

use crate::shutdown::Draining;

/// The time between two checks of all connections.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

thread_local! {
    /// The connections of this worker. A connection never moves to another thread. The task [`sweep`] checks the
    /// connections, and ends when there are no more.
    static CONNECTIONS: RefCell<Vec<Weak<Connection>>> = const { RefCell::new(Vec::new()) };
}

/// A connection of a client.
struct Connection {
    /// The number of the socket's file descriptor. It is not a duplicate, which would cost a second file descriptor for
    /// each idle client. The number is valid while this value exists, because actix drops this value and the socket at
    /// the same time on this thread. As a safeguard, [`Connection::shut_down_reading`] compares the address of the
    /// peer.
    socket: RawFd,
    peer: Option<SockaddrStorage>,
    /// Number of requests in flight.
    requests: Cell<usize>,
    /// The time at which the connection began, or a request last began or ended.
    last_change: Cell<Instant>,
}

impl Connection {
    /// Shuts down reading. actix then behaves as if the client had closed its side: it sends the responses in progress,
    /// and closes the connection.
    fn shut_down_reading(&self) {
        if self.peer.is_some() && getpeername(self.socket).ok() == self.peer {
            let _ = shutdown(self.socket, Shutdown::Read);
        }
    }

    /// Sets the number of requests in flight.
    fn set_requests(&self, requests: usize) {
        self.requests.set(requests);
        self.last_change.set(Instant::now());
    }
}

/// Starts to watch a connection. [`sweep`] closes the connection after it has had no request in flight for longer than
/// `limit`. When the service stops, the limit is [`SWEEP_INTERVAL`].
pub(super) fn watch(stream: &TcpStream, data: &mut Extensions, limit: Duration, draining: &Draining) {
    let socket = stream.as_raw_fd();
    let connection = Rc::new(Connection {
        socket,
        peer: getpeername(socket).ok(),
        requests: Cell::new(0),
        last_change: Cell::new(Instant::now()),
    });
    CONNECTIONS.with_borrow_mut(|watched| {
        if watched.is_empty() {
            rt::spawn(sweep(limit, draining.clone()));
        }
        watched.push(Rc::downgrade(&connection));
    });
    data.insert(connection);
}

/// Checks the connections of this worker every second, until there are no more.
async fn sweep(limit: Duration, draining: Draining) {
    loop {
        rt::time::sleep(SWEEP_INTERVAL).await;
        let is_done = CONNECTIONS.with_borrow_mut(|watched| {
            watched.retain(|connection| {
                let Some(connection) = connection.upgrade() else { return false };
                // When the service stops, a connection still gets one second, because a new client may be about to send
                // a request.
                let limit = if draining.is_over() { SWEEP_INTERVAL } else { limit };
                if connection.requests.get() == 0 && connection.last_change.get().elapsed() > limit {
                    connection.shut_down_reading();
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

/// Marks a request as in flight on its connection, until the value is dropped.
pub(super) struct InFlight(Option<Rc<Connection>>);

impl InFlight {
    pub(super) fn begin(request: &ServiceRequest) -> Self {
        let connection = request.conn_data::<Rc<Connection>>().cloned();
        if let Some(connection) = &connection {
            connection.set_requests(connection.requests.get() + 1);
        }
        Self(connection)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(connection) = &self.0 {
            connection.set_requests(connection.requests.get().saturating_sub(1));
        }
    }
}
