//! `GET /api/v1/entities/icps/{id}`

use actix_web::http::header::IF_NONE_MATCH;
use actix_web::{HttpRequest, HttpResponse, web};

use super::{icp_id, respond, respond_unchanged};
use crate::http::current_user::CurrentUser;
use crate::http::problem::ApiError;
use crate::http::{Api, etag};
use crate::icps::Fetched;

/// The ICP as it is stored, or that the client has it already.
pub(super) async fn handle(
    request: HttpRequest,
    api: web::Data<Api>,
    CurrentUser(caller): CurrentUser,
) -> Result<HttpResponse, ApiError> {
    let known = etag::known_to_client(request.headers(), &IF_NONE_MATCH);
    match api.icps.get(&caller, icp_id(&request)?, known.as_ref()).await? {
        Fetched::Icp(icp) => Ok(respond(HttpResponse::Ok(), &api, icp)),
        Fetched::Unchanged(version) => Ok(respond_unchanged(&request, &api, &version)),
    }
}
