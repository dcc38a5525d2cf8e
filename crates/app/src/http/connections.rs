//! Connections that wait too long for a request.
//!
//! actix limits the time for the head of a connection's first request only. The first byte of a later one ends the wait
//! for it, and the rest may then trickle in for as long as its sender likes.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsRawFd as _, RawFd};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt;
use actix_web::rt::net::TcpStream;
use actix_web::web::Bytes;
use nix::sys::socket::{Shutdown, SockaddrStorage, getpeername, shutdown};

const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

thread_local! {
    /// Those of this worker: a connection never leaves its thread. They are swept as long as there are any.
    static WATCHED: RefCell<Vec<Weak<Connection>>> = const { RefCell::new(Vec::new()) };
}

struct Connection {
    /// By its number: a handle of its own would be a second file descriptor for each of ten thousand idle clients. As long as
    /// this value is there, its connection is, and its number is nobody else's: actix drops the two together, on this
    /// thread. Who is at its other end is compared all the same.
    socket: RawFd,
    peer: Option<SockaddrStorage>,
    requests: Cell<usize>,
    last_change: Cell<Instant>,
}

impl Connection {
    /// For reading alone: actix takes it for the client's end, and still sends what it has left to send.
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

/// Ends a connection once it has had no request for longer than the limit. Only its data may own what is watched.
pub(super) fn watch(stream: &TcpStream, data: &mut Extensions, limit: Duration) {
    let socket = stream.as_raw_fd();
    let connection = Rc::new(Connection {
        socket,
        peer: getpeername(socket).ok(),
        requests: Cell::new(0),
        last_change: Cell::new(Instant::now()),
    });
    WATCHED.with_borrow_mut(|watched| {
        if watched.is_empty() {
            rt::spawn(sweep(limit));
        }
        watched.push(Rc::downgrade(&connection));
    });
    data.insert(connection);
}

async fn sweep(limit: Duration) {
    loop {
        rt::time::sleep(SWEEP_INTERVAL).await;
        let done = WATCHED.with_borrow_mut(|watched| {
            watched.retain(|connection| {
                let Some(connection) = connection.upgrade() else { return false };
                if connection.requests.get() == 0 && connection.last_change.get().elapsed() > limit {
                    connection.end();
                }
                true
            });
            watched.is_empty()
        });
        if done {
            return;
        }
    }
}

/// While it is held, its connection has a request.
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

/// An answer whose request ends with its body, however slowly that is read.
pub(super) struct Answer<B> {
    body: B,
    _in_flight: InFlight,
}

impl<B> Answer<B> {
    pub(super) fn new(body: B, in_flight: InFlight) -> Self {
        Self { body, _in_flight: in_flight }
    }
}

impl<B: MessageBody + Unpin> MessageBody for Answer<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
