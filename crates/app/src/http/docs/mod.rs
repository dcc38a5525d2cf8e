//! Pages for people: `GET /`, the start page, and `GET /docs`, the documentation of the API.
//!
//! Links are relative, so that the pages work behind a proxy that serves them below a path. The pages contain no token.
//! A user pastes a token, or opens `/docs#token=...`. Browsers do not send the fragment of a URL to the service.

mod assets;
mod page;
mod security;
mod start;
mod swagger_ui;

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};

use super::routing::{anonymous_resource, read};
pub(super) use assets::prepare;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(anonymous_resource("/", read().to(start::handle)))
        .service(anonymous_resource("/docs", read().to(swagger_ui::handle)))
        .service(anonymous_resource("/docs/", read().to(redirect_to_docs)))
        .service(anonymous_resource("/favicon.ico", read().to(redirect_to_icon)))
        .service(anonymous_resource("/assets/{digest}/{name}", read().to(assets::handle)));
}

/// Redirects to the icon. Browsers request `/favicon.ico` when they show a response that is not a page, such as JSON.
async fn redirect_to_icon() -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header((LOCATION, assets::ICON.relative_url())).finish()
}

/// Redirects `/docs/` to `/docs`, because the relative links of the page would have other targets below `/docs/`.
async fn redirect_to_docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "../docs")).finish()
}
