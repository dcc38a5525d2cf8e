//! How much is taken on at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::{HttpMessage as _, HttpRequest, web};

use super::Api;
use super::problem::ApiError;
use crate::metrics::{Metrics, Refused};

/// How many may wait for their clients, as a multiple of those at work. What they have sent so far is kept.
const WAITING: usize = 4;

/// A bound on requests at work. Beyond it they are turned away at once: who waited would be served too late, and keep
/// others waiting.
///
/// What needs no sign-in is not counted: whoever looks after the service is let in always.
#[derive(Clone)]
pub(crate) struct Load {
    at_work: Arc<AtomicUsize>,
    waiting: Arc<AtomicUsize>,
    most: usize,
    metrics: Metrics,
}

impl Load {
    pub(crate) fn new(most: usize, metrics: &Metrics) -> Self {
        Self { at_work: Arc::default(), waiting: Arc::default(), most, metrics: metrics.clone() }
    }

    /// Lets a request in until it has been answered, if there is room.
    pub(super) fn admit(&self, request: &HttpRequest) -> Result<(), ApiError> {
        let admitted = Admitted::begin(self);
        if admitted.number > self.most {
            return Err(self.refuse());
        }
        request.extensions_mut().insert(Arc::new(admitted));
        Ok(())
    }

    /// The place of a request, for work that goes on when its client has gone.
    pub(super) fn place(request: &HttpRequest) -> Option<Arc<Admitted>> {
        request.extensions().get::<Arc<Admitted>>().cloned()
    }

    /// Waits for the client: so long, its request is not at work. It is turned away if there is no room when it comes back,
    /// or if too many wait already.
    pub(super) async fn pause<T>(
        request: &HttpRequest,
        waiting: impl Future<Output = T>,
    ) -> Result<T, ApiError> {
        let Some(load) = request.app_data::<web::Data<Api>>().map(|api| &api.load) else {
            return Ok(waiting.await);
        };
        let pause = Pause::begin(load);
        if pause.number > load.most.saturating_mul(WAITING) {
            return Err(load.refuse());
        }
        let result = waiting.await;
        if load.at_work.load(Ordering::Relaxed) >= load.most {
            return Err(load.refuse());
        }
        drop(pause);
        Ok(result)
    }

    fn refuse(&self) -> ApiError {
        self.metrics.refused(Refused::Overload);
        ApiError::Overloaded
    }
}

/// A request at work, for as long as this is held.
pub(super) struct Admitted {
    load: Load,
    number: usize,
}

impl Admitted {
    fn begin(load: &Load) -> Self {
        load.metrics.in_flight().inc();
        Self { load: load.clone(), number: load.at_work.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.load.metrics.in_flight().dec();
        self.load.at_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The time that a request spends waiting for its client, however it ends.
struct Pause {
    load: Load,
    number: usize,
}

impl Pause {
    fn begin(load: &Load) -> Self {
        load.at_work.fetch_sub(1, Ordering::Relaxed);
        Self { load: load.clone(), number: load.waiting.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.load.waiting.fetch_sub(1, Ordering::Relaxed);
        self.load.at_work.fetch_add(1, Ordering::Relaxed);
    }
}
