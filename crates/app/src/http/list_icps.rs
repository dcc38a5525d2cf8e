//! `GET /api/v1/entities/icps`

use actix_web::http::header::{CACHE_CONTROL, VARY};
use actix_web::{HttpResponse, web};

use super::Api;
use super::current_user::CurrentUser;
use super::problem::ApiError;

/// The ICPs that the caller may see, as they are stored.
pub(super) async fn handle(
    api: web::Data<Api>,
    CurrentUser(caller): CurrentUser,
) -> Result<HttpResponse, ApiError> {
    let vary = if api.session_cookie {
        "Authorization, Cookie, Accept-Encoding"
    } else {
        "Authorization, Accept-Encoding"
    };
    let icps = api.repository.list(&caller.list_scope()).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((VARY, vary))
        .content_type("application/json")
        .body(icps.into_json()))
}
