//! `DELETE /api/v1/entities/icps/{id}`

use actix_web::http::header::IF_MATCH;
use actix_web::{HttpRequest, HttpResponse, web};

use super::icp_id;
use crate::http::current_user::CurrentUser;
use crate::http::problem::ApiError;
use crate::http::{Api, etag};

/// Deletes the ICP for good.
pub(super) async fn handle(
    request: HttpRequest,
    api: web::Data<Api>,
    CurrentUser(caller): CurrentUser,
) -> Result<HttpResponse, ApiError> {
    let only = etag::named_by_client(request.headers(), &IF_MATCH);
    api.icps.delete(&caller, icp_id(&request)?, only.as_ref()).await?;
    Ok(HttpResponse::NoContent().finish())
}
