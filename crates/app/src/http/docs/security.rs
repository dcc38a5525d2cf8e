//! The security headers of pages.

use actix_web::HttpResponseBuilder;
use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, PERMISSIONS_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS,
};

/// Forbids pages of other origins to load the file, for example as a script or an image.
pub(super) const SAME_ORIGIN_RESOURCE: (&str, &str) = ("cross-origin-resource-policy", "same-origin");

/// The policy of a page without scripts.
pub(super) const NO_SCRIPT_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The policy of the page with Swagger UI, whose style sheet has images as `data:` URLs.
pub(super) const SWAGGER_UI_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Disables browser features that no page needs.
const NO_FEATURES: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Inserts the security headers of a page, with this content security policy.
pub(super) fn insert_headers(response: &mut HttpResponseBuilder, content_policy: &'static str) {
    response
        .insert_header((CONTENT_SECURITY_POLICY, content_policy))
        // Protects browsers that do not know `frame-ancestors`.
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((PERMISSIONS_POLICY, NO_FEATURES))
        // Prevents a page of another origin that opens this page in a window from accessing it.
        .insert_header((OPENER_POLICY, "same-origin"))
        .insert_header(SAME_ORIGIN_RESOURCE);
}
