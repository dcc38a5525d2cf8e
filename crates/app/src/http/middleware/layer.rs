use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use pin_project_lite::pin_project;

/// The work of a middleware before and after the service that it wraps.
///
/// actix's `from_fn` would box a service and a future per request and middleware. A generic function would repeat the
/// type of the wrapped service, which doubles the length of type names with each middleware.
pub(in crate::http) trait Middleware<B> {
    /// Data of the request that `after` needs.
    type RequestData;
    /// The body of the responses that the middleware returns.
    type Body: MessageBody;

    /// Runs before the service.
    fn before(request: &mut ServiceRequest) -> Self::RequestData;

    /// Runs around the call of the service, and around each poll of the future that the service returns.
    fn within<T>(_: &Self::RequestData, poll: impl FnOnce() -> T) -> T {
        poll()
    }

    /// Runs after the service.
    fn after(
        data: Self::RequestData,
        response: ServiceResponse<B>,
    ) -> Result<ServiceResponse<Self::Body>, Error>;
}

/// Adapts a middleware to actix.
#[derive(Clone, Copy)]
pub(in crate::http) struct Layer<M>(pub(in crate::http) M);

impl<S, B, M> Transform<S, ServiceRequest> for Layer<M>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    M: Middleware<B> + Copy,
{
    type Response = ServiceResponse<M::Body>;
    type Error = Error;
    type Transform = Layered<S, M>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Layered { service, _middleware: self.0 }))
    }
}

pub(in crate::http) struct Layered<S, M> {
    service: S,
    _middleware: M,
}

impl<S, B, M> Service<ServiceRequest> for Layered<S, M>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    M: Middleware<B>,
{
    type Response = ServiceResponse<M::Body>;
    type Error = Error;
    type Future = LayeredFuture<S::Future, M::RequestData, M>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let data = M::before(&mut request);
        let service = M::within(&data, || self.service.call(request));
        LayeredFuture { service, data: Some(data), _middleware: std::marker::PhantomData }
    }
}

pin_project! {
    pub(in crate::http) struct LayeredFuture<F, K, M> {
        #[pin]
        service: F,
        data: Option<K>,
        _middleware: std::marker::PhantomData<M>,
    }
}

impl<F, B, M> Future for LayeredFuture<F, M::RequestData, M>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    M: Middleware<B>,
{
    type Output = Result<ServiceResponse<M::Body>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // `data` is `None` only after the future has completed.
        let Some(data) = this.data.as_ref() else { return Poll::Pending };
        let response = ready!(M::within(data, || this.service.poll(context)))?;
        let Some(data) = this.data.take() else { return Poll::Pending };
        Poll::Ready(M::after(data, response))
    }
}
