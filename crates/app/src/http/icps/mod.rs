//! `/api/v1/entities/icps`: the list, and the life of one ICP.

mod create;
mod delete;
mod get;
mod list;
mod update;

use actix_web::http::header::{CACHE_CONTROL, ETAG, HeaderName, HeaderValue, VARY};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use icp_domain::IcpId;
use icp_ports::{StoredIcp, Version};

use super::problem::{ApiError, ParameterFault};
use super::{Api, etag, method_not_allowed};

const PATH: &str = "/api/v1/entities/icps";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource([PATH, "/api/v1/entities/icps/"])
                .route(web::get().to(list::handle))
                .route(web::head().to(list::handle))
                .route(web::post().to(create::handle))
                .default_service(web::to(async || method_not_allowed("GET, HEAD, POST"))),
        )
        .service(
            web::resource("/api/v1/entities/icps/{id}")
                .route(web::get().to(get::handle))
                .route(web::head().to(get::handle))
                .route(web::patch().to(update::handle))
                .route(web::delete().to(delete::handle))
                .default_service(web::to(async || method_not_allowed("GET, HEAD, PATCH, DELETE"))),
        );
}

/// Which ICP a request is about.
fn icp_id(request: &HttpRequest) -> Result<IcpId, ApiError> {
    let id = request.match_info().get("id").unwrap_or_default();
    let detail = "must be a UUID such as 550e8400-e29b-41d4-a716-446655440000";
    id.parse().map_err(|_| ApiError::InvalidParameter(ParameterFault::invalid("id", detail)))
}

/// The answer that holds an ICP.
fn respond(mut response: HttpResponseBuilder, api: &Api, icp: StoredIcp) -> HttpResponse {
    insert_headers(&mut response, api);
    response.insert_header(entity_tag(icp.version)).content_type("application/json").body(icp.json)
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

fn entity_tag(version: Version) -> (HeaderName, HeaderValue) {
    (ETAG, etag::of(version))
}
