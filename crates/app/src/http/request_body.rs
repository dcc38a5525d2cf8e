//! Request bodies, read or not.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{HttpMessage as _, HttpRequest};
use futures_util::StreamExt as _;
use tokio::time::timeout;

/// For a body, from when it is known who sends it to its last byte.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(15);

/// The body of a request, for as long as nobody has read it.
#[derive(Clone)]
pub(super) struct RequestBody(Rc<RefCell<Option<Payload>>>);

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    TooLarge,
    TooSlow,
    Broken,
}

impl RequestBody {
    /// Takes the body out of a request that has one, and leaves it where [`RequestBody::read`] finds it.
    pub(super) fn take(request: &mut ServiceRequest) -> Option<Self> {
        let headers = request.headers();
        let announced = headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
        if !announced && !headers.contains_key(TRANSFER_ENCODING) {
            return None;
        }
        let body = Self(Rc::new(RefCell::new(Some(request.take_payload()))));
        request.extensions_mut().insert(body.clone());
        Some(body)
    }

    /// Reads a request's body to its end, unless it is longer than `max` bytes.
    pub(super) async fn read(request: &HttpRequest, max: usize) -> Result<Bytes, Unread> {
        let length =
            request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > max) {
            return Err(Unread::TooLarge);
        }
        let body = request.extensions().get::<Self>().cloned();
        let Some((body, mut payload)) = body.and_then(|body| body.payload().map(|payload| (body, payload)))
        else {
            return Ok(Bytes::new());
        };
        let read = timeout(READ_LIMIT, collect(&mut payload, max)).await.unwrap_or(Err(Unread::TooSlow));
        if read.is_err() {
            body.0.replace(Some(payload));
        }
        read
    }

    /// What nobody has read.
    pub(super) fn payload(&self) -> Option<Payload> {
        self.0.take()
    }
}

async fn collect(payload: &mut Payload, max: usize) -> Result<Bytes, Unread> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Unread::Broken)?;
        if bytes.len() + chunk.len() > max {
            return Err(Unread::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// An answer that is given while the request's body is still on its way.
///
/// actix reads a chunked body to its end when it has been dropped, and so for as long as its sender likes. One that is
/// still held when the answer is complete makes it close the connection instead, after a moment.
pub(super) struct AnswerBeforeBody {
    answer: BoxBody,
    _unread: Payload,
}

impl AnswerBeforeBody {
    pub(super) fn boxed(answer: BoxBody, unread: Payload) -> BoxBody {
        BoxBody::new(Self { answer, _unread: unread })
    }
}

impl MessageBody for AnswerBeforeBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.answer).poll_next(context)
    }
}
