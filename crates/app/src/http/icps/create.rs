//! `POST /api/v1/entities/icps`

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use icp_domain::NewIcp;
use icp_ports::IdempotencyKey;

use super::{PATH, respond};
use crate::http::current_user::CurrentUser;
use crate::http::json_body::{JSON, JsonBody};
use crate::http::problem::ApiError;
use crate::http::{Api, idempotency_key};

/// Creates an ICP; once only for each `Idempotency-Key`.
pub(super) async fn handle(
    request: HttpRequest,
    api: web::Data<Api>,
    CurrentUser(caller): CurrentUser,
) -> Result<HttpResponse, ApiError> {
    let key = idempotency_key::of(request.headers())?;
    let body = JsonBody::read(&request, JSON).await?;
    let new = body.parse(NewIcp::from_json).await?;
    let icp = match key {
        None => api.icps.create(&caller, new).await?,
        Some(key) => {
            let user_id = caller.user_id().clone();
            let key = IdempotencyKey { user_id, key, fingerprint: body.digest() };
            api.icps.create_once(&caller, new, &key).await?
        }
    };
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("{PATH}/{}", icp.id)));
    Ok(respond(response, &api, icp))
}
