//! Request bodies that nobody reads.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpMessage as _;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::web::Bytes;

/// Takes the body out of a request that has one.
pub(super) fn take(request: &mut ServiceRequest) -> Option<Payload> {
    let headers = request.headers();
    let announced = headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    (announced || headers.contains_key(TRANSFER_ENCODING)).then(|| request.take_payload())
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
