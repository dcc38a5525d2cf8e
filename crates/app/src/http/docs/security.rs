//! What browsers are told to keep pages from.

use actix_web::HttpResponseBuilder;
use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, PERMISSIONS_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS,
};

/// No page of another origin may load the file, not even as a script or a picture.
pub(super) const SAME_ORIGIN_RESOURCE: (&str, &str) = ("cross-origin-resource-policy", "same-origin");

/// For a page without scripts.
pub(super) const WITHOUT_SCRIPTS: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// For the viewer. Its style sheet holds pictures, as `data:` addresses.
pub(super) const WITH_VIEWER: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What no page of the service needs.
const NO_FEATURES: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Puts a page under a policy.
pub(super) fn guard(response: &mut HttpResponseBuilder, content_policy: &'static str) {
    response
        .insert_header((CONTENT_SECURITY_POLICY, content_policy))
        // For browsers older than `frame-ancestors`.
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((PERMISSIONS_POLICY, NO_FEATURES))
        // Whoever opened the page in a window keeps no hold of it.
        .insert_header((OPENER_POLICY, "same-origin"))
        .insert_header(SAME_ORIGIN_RESOURCE);
}
