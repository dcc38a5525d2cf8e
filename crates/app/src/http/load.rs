//! How much is taken on at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::{HttpMessage as _, HttpRequest, web};

use super::Api;
use super::problem::ApiError;
use crate::metrics::{Metrics, Refused};

/// A bound on requests at work. Beyond it they are turned away at once: who waited would be served too late, and keep
/// others waiting.
///
/// What needs no sign-in is not counted: whoever looks after the service is let in always.
#[derive(Clone)]
pub(crate) struct Load {
    at_work: Arc<AtomicUsize>,
    most: usize,
    metrics: Metrics,
}

impl Load {
    pub(crate) fn new(most: usize, metrics: &Metrics) -> Self {
        Self { at_work: Arc::default(), most, metrics: metrics.clone() }
    }

    /// Lets a request in until it has been answered, if there is room.
    pub(super) fn admit(&self, request: &HttpRequest) -> Result<(), ApiError> {
        let admitted = Admitted::begin(self);
        if admitted.number > self.most {
            self.metrics.refused(Refused::Overload);
            return Err(ApiError::Overloaded);
        }
        request.extensions_mut().insert(admitted);
        Ok(())
    }

    /// Waits for the client: so long, its request is not at work.
    pub(super) async fn pause<T>(request: &HttpRequest, waiting: impl Future<Output = T>) -> T {
        let _pause = request.app_data::<web::Data<Api>>().map(|api| Pause::begin(&api.load));
        waiting.await
    }
}

/// A request at work, for as long as this is held.
struct Admitted {
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

/// The time that a request at work spends waiting, however it ends.
struct Pause(Arc<AtomicUsize>);

impl Pause {
    fn begin(load: &Load) -> Self {
        load.at_work.fetch_sub(1, Ordering::Relaxed);
        Self(Arc::clone(&load.at_work))
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
