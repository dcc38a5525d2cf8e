//! Conditional requests and checks of responses with the status 304.

use crate::support::Response;
use crate::support::users::User;

const VARY: &str = "Authorization, Accept-Encoding";

/// Sends a request with `If-None-Match`.
pub(crate) async fn get_unless(user: &User<'_>, path: &str, tag: &str) -> Response {
    Response::fetch(user.get_request(path).header("if-none-match", tag)).await
}

/// Checks that the response is a 304 with the given tag.
#[track_caller]
pub(crate) fn assert_unchanged(response: &Response, tag: &str) {
    assert_eq!((response.status.as_u16(), response.body.as_str()), (304, ""), "{response:?}");
    assert_eq!(response.etag(), tag);
    assert_eq!(response.header("cache-control"), "private, no-cache");
    assert_eq!(response.header("vary"), VARY);
    assert_eq!(response.headers.get_all("vary").iter().count(), 1);
    assert!(!response.header("x-request-id").is_empty());
    assert!(!response.headers.contains_key("content-encoding"), "{response:?}");
}
