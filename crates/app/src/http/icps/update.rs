//! `PATCH /api/v1/entities/icps/{id}`

use actix_web::http::header::IF_MATCH;
use actix_web::{HttpRequest, HttpResponse, web};
use icp_domain::IcpPatch;

use super::{icp_id, respond};
use crate::http::current_user::CurrentUser;
use crate::http::json_body::{JSON_OR_MERGE_PATCH, JsonBody};
use crate::http::problem::ApiError;
use crate::http::{Api, etag};

/// Merges the body's members into the ICP.
pub(super) async fn handle(
    request: HttpRequest,
    api: web::Data<Api>,
    CurrentUser(caller): CurrentUser,
) -> Result<HttpResponse, ApiError> {
    let id = icp_id(&request)?;
    let only = etag::named_by_client(request.headers(), &IF_MATCH);
    let body = JsonBody::read(&request, JSON_OR_MERGE_PATCH).await?;
    let by = caller.clone();
    let patch = body.parse(move |text| IcpPatch::from_json(text, &by)).await?;
    let icp = api.icps.update(&caller, id, patch, only.as_ref()).await?;
    Ok(respond(HttpResponse::Ok(), &api, icp))
}
