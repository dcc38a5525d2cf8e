//! The bodies of lists.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::error::Error as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BodyStream, MessageBody};
use actix_web::web::Bytes;
use futures_util::stream;
use icp_application::LongList;
use icp_ports::{RepositoryError, WireList};
use tracing::{Instrument as _, Span};

/// The body of a list that is in memory. It is sent piece by piece.
pub(super) struct ListBody {
    pieces: VecDeque<Bytes>,
    size: u64,
}

impl From<WireList> for ListBody {
    fn from(list: WireList) -> Self {
        Self { size: list.bytes() as u64, pieces: list.into_pieces().into() }
    }
}

impl MessageBody for ListBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.size)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(self.pieces.pop_front().map(Ok))
    }

    fn try_into_bytes(mut self) -> Result<Bytes, Self> {
        match self.pieces.len() {
            1 => Ok(self.pieces.pop_front().unwrap_or_default()),
            _ => Err(self),
        }
    }
}

/// Returns the body of a long list. Each part is read after the previous part has been sent. If a read fails, the
/// connection is closed without the final `]`, and without the last chunk of a chunked body, so the client detects that
/// the body is incomplete.
pub(super) fn long_list_body(first: WireList, rest: LongList) -> impl MessageBody<Error: std::fmt::Debug> {
    let pieces = [Bytes::from_static(b"[")].into_iter().chain(first.into_elements()).collect();
    let state = LongListState { pieces, rest: Some(rest) };
    // The reads belong to the span of the request.
    let span = Span::current();
    BodyStream::new(stream::try_unfold(state, move |mut state| {
        let reading = async {
            let piece = state.next_piece().await.inspect_err(|error| {
                tracing::warn!(%error, source = error.source(), "a list was not sent completely");
            })?;
            Ok::<_, RepositoryError>(piece.map(|piece| (piece, state)))
        };
        reading.instrument(span.clone())
    }))
}

struct LongListState {
    pieces: VecDeque<Bytes>,
    /// `None` when everything has been read.
    rest: Option<LongList>,
}

impl LongListState {
    async fn next_piece(&mut self) -> Result<Option<Bytes>, RepositoryError> {
        while self.pieces.is_empty()
            && let Some(rest) = &mut self.rest
        {
            match rest.next_part().await? {
                Some(part) if part.is_empty() => {}
                Some(part) => {
                    self.pieces.push_back(Bytes::from_static(b","));
                    self.pieces.extend(part.into_elements());
                }
                None => {
                    self.pieces.push_back(Bytes::from_static(b"]"));
                    self.rest = None;
                }
            }
        }
        Ok(self.pieces.pop_front())
    }
}
