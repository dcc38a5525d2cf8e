use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::{HttpMessage as _, HttpRequest};
use futures_util::future::poll_immediate;
use icp_domain::UserId;
use icp_permits::{KeyedPermit, KeyedPermits};

use crate::http::error::ApiError;
use icp_observability::Metrics;

/// Maximum number of requests that wait for their body or for a signing key, as a multiple of the limit of requests in
/// flight. It bounds the memory for partly received bodies.
const WAITING_FACTOR: usize = 4;

/// Maximum total size in bytes of the parts of streamed lists that are being sent. A slow client occupies the memory of
/// a part for an unlimited time.
const MAX_STREAM_BYTES: usize = 48 * 1024 * 1024;

/// The number of requests in flight that each user may have, even if it is more than a quarter of the total limit.
const MIN_IN_FLIGHT_PER_USER: usize = 16;

/// Maximum number of buffered lists that are being sent to one user. Only lists of more than
/// [`MAX_UNCOUNTED_LIST_BYTES`] count.
const MAX_BUFFERED_LISTS_PER_USER: usize = 16;
const MAX_UNCOUNTED_LIST_BYTES: usize = 2 * 1024 * 1024;

/// Maximum number of large responses that are compressed for one user at the same time. actix starts threads for
/// compression as needed, and many threads would delay the workers.
const MAX_COMPRESSIONS_PER_USER: usize = 1;

/// Maximum number of streamed lists that are being sent to one user. With the default size of the response buffer, the
/// lists of one user use at most a third of [`MAX_STREAM_BYTES`].
const MAX_STREAMED_LISTS_PER_USER: usize = 4;

/// Maximum number of anonymous requests in flight. Their responses are short or built in advance, so only a slow client
/// keeps a request in flight for long.
const MAX_ANONYMOUS_REQUESTS: usize = 64;

/// The limits on requests in flight. The service rejects further requests immediately. If it queued them, it would
/// serve them too late, and delay other requests.
///
/// Anonymous requests have a separate limit. Health checks and metrics are not counted, so operators always get a
/// response.
#[derive(Clone)]
pub(crate) struct Concurrency {
    in_flight: Counter,
    waiting: Counter,
    streamed_lists: Counter,
    in_flight_of_users: KeyedPermits<UserId>,
    buffered_lists_of_users: KeyedPermits<UserId>,
    streamed_lists_of_users: KeyedPermits<UserId>,
    compressions_of_users: KeyedPermits<UserId>,
    anonymous: Counter,
    metrics: Metrics,
}

#[derive(Clone)]
struct Counter {
    value: Arc<AtomicUsize>,
    max: usize,
}

impl Counter {
    fn new(max: usize) -> Self {
        Self { value: Arc::default(), max }
    }

    /// Adds 1 to the value, even beyond the limit. Returns true if the new value is within the limit. In both cases,
    /// the caller must call [`Counter::subtract`] later.
    fn add(&self) -> bool {
        self.value.fetch_add(1, Ordering::Relaxed) < self.max
    }

    /// Returns a permit, or [`ApiError::Overloaded`] if the limit is reached.
    fn acquire(&self) -> Result<CountedPermit, ApiError> {
        let permit = CountedPermit(self.clone());
        if self.add() { Ok(permit) } else { Err(ApiError::Overloaded) }
    }

    fn subtract(&self) {
        self.value.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Concurrency {
    /// Creates the limits. `response_buffer` is the maximum length in bytes of the first part of a long list.
    pub(crate) fn new(max_in_flight: usize, response_buffer: NonZeroUsize, metrics: &Metrics) -> Self {
        Self {
            in_flight: Counter::new(max_in_flight),
            waiting: Counter::new(max_in_flight.saturating_mul(WAITING_FACTOR)),
            streamed_lists: Counter::new((MAX_STREAM_BYTES / response_buffer).max(1)),
            in_flight_of_users: KeyedPermits::new(max_in_flight.div_ceil(4).max(MIN_IN_FLIGHT_PER_USER)),
            buffered_lists_of_users: KeyedPermits::new(MAX_BUFFERED_LISTS_PER_USER),
            streamed_lists_of_users: KeyedPermits::new(MAX_STREAMED_LISTS_PER_USER),
            compressions_of_users: KeyedPermits::new(MAX_COMPRESSIONS_PER_USER),
            anonymous: Counter::new(MAX_ANONYMOUS_REQUESTS),
            metrics: metrics.clone(),
        }
    }

    /// Admits a request.
    pub(in crate::http) fn admit(&self) -> Result<Permit, ApiError> {
        self.metrics.in_flight().inc();
        let permit = Permit { concurrency: self.clone() };
        if self.in_flight.add() { Ok(permit) } else { Err(ApiError::Overloaded) }
    }

    /// Admits a request of a user. A user has at most a quarter of the permits, or [`MIN_IN_FLIGHT_PER_USER`] if that
    /// is more, so that one slow reader cannot use up the limit.
    pub(in crate::http) fn admit_user(&self, user_id: &UserId) -> Result<KeyedPermit<UserId>, ApiError> {
        self.in_flight_of_users.try_acquire(user_id).ok_or(ApiError::Overloaded)
    }

    /// Admits a list that is buffered for a user. The complete list is in memory until it has been sent. Only a list of
    /// more than [`MAX_UNCOUNTED_LIST_BYTES`] needs a permit.
    pub(in crate::http) fn admit_buffered_list(
        &self,
        user_id: &UserId,
        bytes: usize,
    ) -> Result<Option<KeyedPermit<UserId>>, ApiError> {
        if bytes <= MAX_UNCOUNTED_LIST_BYTES {
            return Ok(None);
        }
        self.buffered_lists_of_users.try_acquire(user_id).map(Some).ok_or(ApiError::Overloaded)
    }

    /// Admits a list that is sent to a user in parts.
    pub(in crate::http) fn admit_streamed_list(
        &self,
        user_id: &UserId,
    ) -> Result<(CountedPermit, KeyedPermit<UserId>), ApiError> {
        let of_user = self.streamed_lists_of_users.try_acquire(user_id).ok_or(ApiError::Overloaded)?;
        Ok((self.streamed_lists.acquire()?, of_user))
    }

    /// Returns a permit to compress a large response to a user, or `None` if the user has none left. Without a permit,
    /// the response is sent uncompressed.
    pub(in crate::http) fn admit_compression(&self, user_id: &UserId) -> Option<KeyedPermit<UserId>> {
        self.compressions_of_users.try_acquire(user_id)
    }

    /// Admits a request to a route that needs no authentication.
    pub(in crate::http) fn admit_anonymous(&self) -> Result<CountedPermit, ApiError> {
        self.anonymous.acquire()
    }

    /// Waits for the body of a request, or for the key of its token. During the wait, the request does not count as in
    /// flight. Rejects the request if too many requests wait, or if the limit of requests in flight is reached after
    /// the wait.
    pub(in crate::http) async fn wait_outside_limit<T>(
        request: &HttpRequest,
        waiting: impl Future<Output = T>,
    ) -> Result<T, ApiError> {
        let mut waiting = pin!(waiting);
        // Most bodies arrive with the head, so the first poll succeeds.
        if let Some(result) = poll_immediate(waiting.as_mut()).await {
            return Ok(result);
        }
        let permit = request.extensions().get::<Arc<Permit>>().cloned();
        let Some(Permit { concurrency }) = permit.as_deref() else { return Ok(waiting.await) };
        concurrency.in_flight.subtract();
        let waiting_request = WaitingRequest(concurrency);
        if !concurrency.waiting.add() {
            return Err(ApiError::Overloaded);
        }
        let result = waiting.await;
        if concurrency.in_flight.value.load(Ordering::Relaxed) >= concurrency.in_flight.max {
            return Err(ApiError::Overloaded);
        }
        drop(waiting_request);
        Ok(result)
    }
}

/// The permit of a request. The request counts as in flight until the permit is dropped, except in
/// [`Concurrency::wait_outside_limit`].
pub(in crate::http) struct Permit {
    concurrency: Concurrency,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.concurrency.metrics.in_flight().dec();
        self.concurrency.in_flight.subtract();
    }
}

/// One unit of a [`Counter`], released on drop.
pub(in crate::http) struct CountedPermit(Counter);

impl Drop for CountedPermit {
    fn drop(&mut self) {
        self.0.subtract();
    }
}

/// Marks a request as waiting for its body or a signing key until this value is dropped.
struct WaitingRequest<'a>(&'a Concurrency);

impl Drop for WaitingRequest<'_> {
    fn drop(&mut self) {
        self.0.waiting.subtract();
        self.0.in_flight.add();
    }
}
