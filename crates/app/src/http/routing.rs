//! How routes are declared.

use std::future::ready;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, Route, guard, web};

use super::error::ApiError;
use super::middleware::{catch_panic, protect};

/// A route for GET and HEAD. actix leaves the body of a response to HEAD out.
pub(super) fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// Puts a route behind authentication and limits.
pub(super) fn signed_in(route: Route) -> Route {
    route.wrap(from_fn(protect))
}

/// A resource with these routes. It answers OPTIONS, and 405 for other methods.
pub(super) fn resource(
    path: &str,
    allow: &'static str,
    routes: impl IntoIterator<Item = Route>,
) -> impl HttpServiceFactory + 'static {
    let resource = routes.into_iter().fold(web::resource(path), actix_web::Resource::route);
    resource.default_service(other_methods(allow)).wrap(from_fn(catch_panic))
}

/// A resource that is only read.
pub(super) fn read_only(path: &str, route: Route) -> impl HttpServiceFactory + 'static {
    resource(path, "GET, HEAD, OPTIONS", [route])
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
