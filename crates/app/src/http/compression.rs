//! Which coding an answer has. actix does the compressing.

use actix_web::HttpMessage;
use actix_web::http::header::{AcceptEncoding, ContentEncoding, Encoding, HeaderMap, HeaderValue, VARY};

/// What actix can make, by its own order of preference.
const CODINGS: [Encoding; 5] =
    [Encoding::identity(), Encoding::brotli(), Encoding::gzip(), Encoding::deflate(), Encoding::zstd()];

/// The coding that the answer to a request has, should it have a body; `None` for none.
pub(super) fn of_answer(request: &impl HttpMessage) -> Option<&'static str> {
    match request.get_header::<AcceptEncoding>()?.negotiate(CODINGS.iter())? {
        Encoding::Known(ContentEncoding::Identity) | Encoding::Unknown(_) => None,
        Encoding::Known(coding) => Some(coding.as_str()),
    }
}

/// Whether gzip will do, for an answer that is there in it already.
pub(super) fn takes_gzip(request: &impl HttpMessage) -> bool {
    let either = [Encoding::identity(), Encoding::gzip()];
    request
        .get_header::<AcceptEncoding>()
        .is_some_and(|accepted| accepted.negotiate(either.iter()) == Some(Encoding::gzip()))
}

/// Whether a request takes any coding that there is, no coding included. One that takes none gets an answer all the same
/// (RFC 9110, section 12.5.3, leaves that to the server).
pub(super) fn is_possible(request: &impl HttpMessage) -> bool {
    request.get_header::<AcceptEncoding>().is_none_or(|accepted| accepted.negotiate(CODINGS.iter()).is_some())
}

/// Puts what several layers have said an answer varies with on one line, each once.
pub(super) fn merge_vary(headers: &mut HeaderMap) {
    if headers.get_all(VARY).nth(1).is_none() {
        return;
    }
    let mut names: Vec<String> = Vec::new();
    for name in headers.get_all(VARY).filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')) {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name.trim())) {
            names.push(name.trim().to_owned());
        }
    }
    if let Ok(line) = HeaderValue::from_str(&names.join(", ")) {
        headers.insert(VARY, line);
    }
}
