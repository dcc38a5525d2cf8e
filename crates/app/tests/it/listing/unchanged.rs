//! Conditional requests, and 304.

use crate::support::Answer;
use crate::support::users::User;

const VARY: &str = "Authorization, Accept-Encoding";

/// Sends a request with `If-None-Match`.
pub(crate) async fn get_unless(user: &User<'_>, path: &str, tag: &str) -> Answer {
    Answer::of(user.getting(path).header("if-none-match", tag)).await
}

/// Checks that the response is a 304.
#[track_caller]
pub(crate) fn assert_unchanged(answer: &Answer, tag: &str) {
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (304, ""), "{answer:?}");
    assert_eq!(answer.etag(), tag);
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    assert_eq!(answer.header("vary"), VARY);
    assert_eq!(answer.headers.get_all("vary").iter().count(), 1);
    assert!(!answer.header("x-request-id").is_empty());
    assert!(!answer.headers.contains_key("content-encoding"), "{answer:?}");
}
