//! `GET /api/v1/entities/icps`

use actix_web::{HttpResponse, web};

use super::insert_headers;
use crate::http::Api;
use crate::http::current_user::CurrentUser;
use crate::http::problem::ApiError;

/// The ICPs that the caller may see, as they are stored.
pub(super) async fn handle(
    api: web::Data<Api>,
    CurrentUser(caller): CurrentUser,
) -> Result<HttpResponse, ApiError> {
    let icps = api.icps.list(&caller).await?;
    let mut response = HttpResponse::Ok();
    insert_headers(&mut response, &api);
    Ok(response.content_type("application/json").body(icps.into_json()))
}
