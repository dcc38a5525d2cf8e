use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::Method;
use actix_web::web::Bytes;
use pin_project_lite::pin_project;

pin_project! {
    /// A response body with a guard that is dropped when actix has read the body to its end, or when the client has
    /// disconnected. The last bytes may then still be in actix's write buffer.
    pub(super) struct GuardedBody<B, G> {
        #[pin]
        body: B,
        _guard: G,
    }
}

impl<B, G> GuardedBody<B, G> {
    pub(super) fn new(body: B, guard: G) -> Self {
        Self { body, _guard: guard }
    }
}

impl<B: MessageBody, G> MessageBody for GuardedBody<B, G> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.project().body.poll_next(context)
    }
}

/// A body in memory that is sent in pieces. actix copies each piece into the buffer of the connection. Without pieces,
/// the buffer of each slow client would contain a copy of the complete body. Between two pieces, the worker serves
/// other connections.
pub(super) struct PiecewiseBody {
    size: u64,
    rest: Bytes,
    /// True if the next poll must yield to other connections.
    must_yield: bool,
}

/// Length of a piece in bytes: the size of actix's buffer.
const PIECE_BYTES: usize = 32 * 1024;

impl From<Bytes> for PiecewiseBody {
    fn from(bytes: Bytes) -> Self {
        Self { size: bytes.len() as u64, rest: bytes, must_yield: false }
    }
}

impl MessageBody for PiecewiseBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if std::mem::replace(&mut self.must_yield, false) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let length = self.rest.len().min(PIECE_BYTES);
        self.must_yield = length < self.rest.len();
        Poll::Ready((length > 0).then(|| Ok(self.rest.split_to(length))))
    }
}

/// The body of a response to HEAD, of which only the size is sent. actix would poll the original body to its end.
struct OmittedBody(BodySize);

impl MessageBody for OmittedBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}

/// Adds a guard to the body of a response. See [`GuardedBody`]. If the method is HEAD, the body is omitted and
/// the guard is dropped immediately.
pub(super) fn guard_body<B: MessageBody + 'static>(
    method: &Method,
    body: B,
    guard: impl Sized + 'static,
) -> BoxBody {
    if method == Method::HEAD {
        BoxBody::new(OmittedBody(body.size()))
    } else {
        BoxBody::new(GuardedBody::new(body, guard))
    }
}
