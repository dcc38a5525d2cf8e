//! `/api/v1/entities/icps`: the list, and the life of one ICP.

mod create;
mod delete;
mod get;
mod list;
mod list_body;
pub(super) mod list_parameters;
mod update;

use actix_web::http::header::{CACHE_CONTROL, VARY};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use icp_domain::IcpId;
use icp_ports::StoredIcp;

use super::etag::Tagged;
use super::problem::{ApiError, ParameterFault};
use super::{Api, compression, etag, other_methods};

const PATH: &str = "/api/v1/entities/icps";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    // Each for itself: paths without parameters are compared as texts, and several together by a regular expression.
    for path in [PATH, "/api/v1/entities/icps/"] {
        config.service(
            web::resource(path)
                .route(web::get().to(list::handle))
                .route(web::head().to(list::handle))
                .route(web::post().to(create::handle))
                .default_service(other_methods("GET, HEAD, POST, OPTIONS")),
        );
    }
    config.service(
        web::resource("/api/v1/entities/icps/{id}")
            .route(web::get().to(get::handle))
            .route(web::head().to(get::handle))
            .route(web::patch().to(update::handle))
            .route(web::delete().to(delete::handle))
            .default_service(other_methods("GET, HEAD, PATCH, DELETE, OPTIONS")),
    );
}

/// Which ICP a request is about.
fn icp_id(request: &HttpRequest) -> Result<IcpId, ApiError> {
    parse_id(request.match_info().get("id").unwrap_or_default())
}

pub(super) fn parse_id(id: &str) -> Result<IcpId, ApiError> {
    let detail = "must be a UUID such as 550e8400-e29b-41d4-a716-446655440000";
    id.parse().map_err(|_| ParameterFault::alone("id", detail))
}

/// The answer that holds an ICP.
fn respond(mut response: HttpResponseBuilder, api: &Api, icp: StoredIcp) -> HttpResponse {
    insert_headers(&mut response, api);
    response.insert_header(etag::header(&icp.version)).content_type("application/json").body(icp.json)
}

/// The answer to who has it already. Its tag is that of the answer with a body (RFC 9110, section 15.4.5).
fn respond_unchanged(request: &HttpRequest, api: &Api, version: &impl Tagged) -> HttpResponse {
    let mut response = HttpResponse::NotModified();
    insert_headers(&mut response, api);
    response.insert_header(etag::header(version));
    let mut response = response.finish();
    etag::mark_coding(response.headers_mut(), compression::of_answer(request));
    response
}

/// What every answer about ICPs says: that it is for this caller alone, and what it depends on.
fn insert_headers(response: &mut HttpResponseBuilder, api: &Api) {
    let vary = if api.session_cookie {
        "Authorization, Cookie, Accept-Encoding"
    } else {
        "Authorization, Accept-Encoding"
    };
    response.insert_header((CACHE_CONTROL, "private, no-cache")).insert_header((VARY, vary));
}
