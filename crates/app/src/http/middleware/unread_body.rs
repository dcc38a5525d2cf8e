use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{Error, HttpMessage as _, HttpRequest};
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::layer::Middleware;
use crate::http::body::GuardedBody;

/// Time limit of a request body, from the authentication of its sender to its last byte.
pub(in crate::http) const READ_LIMIT: Duration = Duration::from_secs(15);

/// The body of a request before it is read.
#[derive(Clone)]
pub(in crate::http) struct RequestBody(Rc<RefCell<Option<Payload>>>);

/// The reason why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum BodyReadError {
    TooLarge,
    TooSlow,
    Incomplete,
}

impl RequestBody {
    /// Moves the body of a request into the extensions of the request, where [`RequestBody::read`] finds it. Returns
    /// `None` if the request has no body.
    fn take(request: &mut ServiceRequest) -> Option<Self> {
        let headers = request.headers();
        let has_length = headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
        if !has_length && !headers.contains_key(TRANSFER_ENCODING) {
            return None;
        }
        let body = Self(Rc::new(RefCell::new(Some(request.take_payload()))));
        request.extensions_mut().insert(body.clone());
        Some(body)
    }

    /// Reads the body of a request, of at most `max` bytes.
    pub(in crate::http) async fn read(request: &HttpRequest, max: usize) -> Result<Bytes, BodyReadError> {
        let length =
            request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > max) {
            return Err(BodyReadError::TooLarge);
        }
        let body = request.extensions().get::<Self>().cloned();
        let taken = body.and_then(|body| body.0.take().map(|payload| (body, payload)));
        let Some((body, mut payload)) = taken else {
            return Ok(Bytes::new());
        };
        let read =
            timeout(READ_LIMIT, collect(&mut payload, max)).await.unwrap_or(Err(BodyReadError::TooSlow));
        if read.is_err() {
            body.0.replace(Some(payload));
        }
        read
    }
}

async fn collect(payload: &mut Payload, max: usize) -> Result<Bytes, BodyReadError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| BodyReadError::Incomplete)?;
        if bytes.len() + chunk.len() > max {
            return Err(BodyReadError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// Middleware: drops the unread body of a request only after its response has been sent.
///
/// actix reads a dropped chunked body to its end, without a time limit. If the body has not been dropped when the
/// response is complete, actix closes the connection after a short time instead.
#[derive(Clone, Copy)]
pub(in crate::http) struct KeepUnreadBody;

impl<B: MessageBody> Middleware<B> for KeepUnreadBody {
    type RequestData = Option<RequestBody>;
    type Body = GuardedBody<B, Option<Payload>>;

    fn before(request: &mut ServiceRequest) -> Option<RequestBody> {
        RequestBody::take(request)
    }

    fn after(
        body: Option<RequestBody>,
        response: ServiceResponse<B>,
    ) -> Result<ServiceResponse<Self::Body>, Error> {
        let unread = body.and_then(|body| body.0.take());
        Ok(response.map_body(|_, body| GuardedBody::new(body, unread)))
    }
}
