//! How the service ends: not ready first, then deaf, then done.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use futures_util::future::{self, Either};
use tokio::sync::oneshot;

/// Whether the service is on its way out. Clones tell the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draining(Arc<AtomicBool>);

impl Draining {
    fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What ends the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    /// Ctrl-C: somebody is waiting.
    Interrupt,
    /// From a service manager, whose balancer needs a while to notice that the service is not ready.
    Terminate,
}

/// Waits for a signal, and ends the server in an orderly way. A second signal ends it at once, which `impatient` tells.
pub(crate) async fn on_signal(
    server: ServerHandle,
    draining: Draining,
    drain: Duration,
    impatient: oneshot::Sender<()>,
) {
    let first = next_signal().await;
    draining.begin();
    let second = pin!(next_signal());
    let second = if first == Signal::Terminate && !drain.is_zero() {
        tracing::info!(seconds = drain.as_secs(), "not ready any more; stopping in a while");
        match future::select(pin!(tokio::time::sleep(drain)), second).await {
            Either::Left(((), second)) => second,
            Either::Right(_) => {
                let _ = impatient.send(());
                return;
            }
        }
    } else {
        second
    };
    tracing::info!("stopping: requests in flight are finished");
    let graceful = actix_web::rt::spawn(server.stop(true));
    second.await;
    // actix keeps to the first of two stops; to end the process is what ends it at once.
    graceful.abort();
    let _ = impatient.send(());
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
