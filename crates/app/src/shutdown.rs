//! Graceful shutdown: the service drains, then stops accepting connections, then finishes the requests in flight.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use futures_util::future::{self, Either};
use tokio::sync::oneshot;

/// The progress of the shutdown. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draining(Arc<Progress>);

#[derive(Debug, Default)]
struct Progress {
    has_begun: AtomicBool,
    is_over: AtomicBool,
}

impl Draining {
    fn begin(&self) {
        self.0.has_begun.store(true, Ordering::Relaxed);
    }

    fn end(&self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }

    /// Returns true from the start of the drain: the service still serves, but is not ready.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.has_begun.load(Ordering::Relaxed)
    }

    /// Returns true when the service accepts no more connections.
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Relaxed)
    }
}

/// A signal that ends the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    /// Ctrl-C. A person waits for the process to end, so there is no drain.
    Interrupt,
    /// The signal of service managers. Load balancers need time to notice that the service is not ready.
    Terminate,
}

/// Waits for a signal, and stops the server gracefully. A second signal stops it immediately, through `stop_now`.
pub(crate) async fn on_signal(
    server: ServerHandle,
    draining: Draining,
    drain: Duration,
    stop_now: oneshot::Sender<()>,
) {
    let first = next_signal().await;
    draining.begin();
    let second = pin!(next_signal());
    let second = if first == Signal::Terminate && !drain.is_zero() {
        tracing::info!(seconds = drain.as_secs(), "not ready; the service stops after the drain time");
        match future::select(pin!(tokio::time::sleep(drain)), second).await {
            Either::Left(((), second)) => second,
            Either::Right(_) => {
                let _ = stop_now.send(());
                return;
            }
        }
    } else {
        second
    };
    draining.end();
    tracing::info!("stopping: requests in flight are finished");
    let graceful = actix_web::rt::spawn(server.stop(true));
    second.await;
    // actix ignores a second call of `stop`, so `stop_now` ends the process.
    graceful.abort();
    let _ = stop_now.send(());
}

async fn next_signal() -> Signal {
    let interrupt = pin!(tokio::signal::ctrl_c());
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            return match future::select(interrupt, pin!(terminate.recv())).await {
                Either::Left(_) => Signal::Interrupt,
                Either::Right(_) => Signal::Terminate,
            };
        }
    }
    let _ = interrupt.await;
    Signal::Interrupt
}
