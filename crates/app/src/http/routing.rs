//! Declarations of routes.

use std::future::ready;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{HttpRequest, HttpResponse, Resource, Route, guard, web};

use super::error::ApiError;
use super::middleware::{Layer, catch_panic, compression, limit_anonymous, protect};

/// Returns a route for GET and HEAD. actix omits the body of a response to HEAD.
pub(super) fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Returns a resource for signed-in users. Its responses are compressed if the client accepts that, except large
/// responses beyond the limit of concurrent compressions.
pub(super) fn protected(
    path: &str,
    allow: &'static str,
    routes: impl IntoIterator<Item = Route>,
) -> impl HttpServiceFactory + 'static {
    let signed_in = routes.into_iter().map(|route| route.wrap(from_fn(protect)));
    resource(path, allow, signed_in)
        .wrap(from_fn(catch_panic))
        .wrap(Compress::default())
        // This middleware changes the request, so it must run before middleware that clones the request.
        .wrap(Layer(compression::NegotiateCoding))
}

/// Returns a resource without authentication. Its responses are not compressed for each request, because anonymous
/// clients could then cause an unlimited amount of work.
pub(super) fn anonymous_resource(path: &str, route: Route) -> impl HttpServiceFactory + 'static {
    operator_resource(path, limited_anonymous(route))
}

/// Returns a resource without authentication. Reads have no limit, so that operators always get a response.
pub(super) fn operator_resource(path: &str, route: Route) -> impl HttpServiceFactory + 'static {
    resource(path, "GET, HEAD, OPTIONS", [route]).wrap(from_fn(catch_panic))
}

/// Allows anonymous requests to a route, up to their limit.
pub(super) fn limited_anonymous(route: Route) -> Route {
    route.wrap(from_fn(limit_anonymous))
}

/// Returns a resource with these routes. It handles OPTIONS, and returns 405 for other methods.
fn resource(path: &str, allow: &'static str, routes: impl IntoIterator<Item = Route>) -> Resource {
    let resource = routes.into_iter().fold(web::resource(path), Resource::route);
    resource.default_service(limited_anonymous(other_methods(allow)))
}

fn other_methods(allow: &'static str) -> Route {
    web::to(move |request: HttpRequest| {
        let is_options = request.method() == Method::OPTIONS;
        ready(if is_options {
            Ok(HttpResponse::NoContent().insert_header((ALLOW, allow)).finish())
        } else {
            Err(ApiError::MethodNotAllowed { allow })
        })
    })
}
