//! Pages for people: `GET /`, what this is, and `GET /docs`, the API's description to read and to try out.
//!
//! Under the development sign-in they hold a token, see [`visitor`]. Links are relative, so that the pages work behind a proxy
//! that serves them under a path of its own.

mod asset;
mod assets;
mod docs;
mod page;
mod security;
mod start;
mod visitor;

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};

use super::probe;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(probe("/").route(web::get().to(start::handle)).route(web::head().to(start::handle)))
        .service(probe("/docs").route(web::get().to(docs::handle)).route(web::head().to(docs::handle)))
        .service(probe("/docs/").route(web::get().to(without_slash)).route(web::head().to(without_slash)))
        .service(probe("/favicon.ico").route(web::get().to(icon)).route(web::head().to(icon)))
        .service(
            probe("/assets/{digest}/{name}")
                .route(web::get().to(assets::handle))
                .route(web::head().to(assets::handle)),
        );
}

/// Browsers ask here for the icon of what is no page, such as the OpenAPI document.
async fn icon() -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header((LOCATION, assets::ICON.address())).finish()
}

/// Relative links lead elsewhere from an address that ends with a slash.
async fn without_slash() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "../docs")).finish()
}
