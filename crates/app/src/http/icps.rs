//! `/api/v1/entities/icps`: the list, and single ICPs.

use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, LINK, LOCATION, VARY};
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use icp_application::{Access, Created, ListRequest, ListResponse, ServiceError};
use icp_domain::Violation;
use icp_ports::{Conditional, ListVersion, StoredIcp, Version};

use super::body::GuardedBody;
use super::error::{ApiError, ParameterViolation};
use super::etag::{self, EntityTag};
use super::extract::{
    Conditions, CurrentUser, IdInPath, IdempotencyKeyHeader, Inputs, JsonBody, NoQuery, PatchBody, Query,
    UserInPath, WriteQuery,
};
use super::list_body::{self, ListBody};
use super::middleware::compression;
use super::routing::{protected, read};
use super::state::State;

pub(super) const PATH: &str = "/api/v1/entities/icps";
const IDEMPOTENCY_REPLAYED: &str = "idempotency-replayed";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    // Each path is a separate resource. actix would match a resource with several paths by a regular expression, but
    // compares a single path without parameters as text.
    for path in [PATH, "/api/v1/entities/icps/"] {
        let routes = [read().to(list), web::post().to(create)];
        config.service(protected(path, "GET, HEAD, POST, OPTIONS", routes));
    }
    for path in ["/api/v1/entities/icps/{id}", "/api/v1/entities/icps/{id}/"] {
        let routes = [read().to(get), web::patch().to(update), web::delete().to(delete)];
        config.service(protected(path, "GET, HEAD, PATCH, DELETE, OPTIONS", routes));
    }
    for path in ["/api/v1/entities/icps/{id}/users/{userId}", "/api/v1/entities/icps/{id}/users/{userId}/"] {
        let routes = [web::put().to(set_access), web::delete().to(set_access)];
        config.service(protected(path, "PUT, DELETE, OPTIONS", routes));
    }
}

/// Returns the ICPs whose `userIds` contain the caller.
async fn list(
    request: HttpRequest,
    state: Data<State>,
    CurrentUser(caller): CurrentUser,
    Inputs((Query(query), Conditions(preconditions))): Inputs<(Query<ListRequest>, Conditions<ListVersion>)>,
) -> Result<HttpResponse, ApiError> {
    let respond = |version: ListVersion| {
        let mut response = HttpResponse::Ok();
        insert_headers(&mut response, &state);
        response.insert_header(etag::header(&version)).content_type("application/json");
        response
    };
    match state.icps.list(&caller, &query.value, &preconditions).await? {
        ListResponse::Buffered { icps, version, cursor } => {
            let mut response = respond(version);
            if let Some(cursor) = cursor {
                // A relative reference (RFC 8288) is valid behind every proxy.
                let link = format!("<{PATH}?{}>; rel=\"next\"", query.with_cursor(&cursor));
                response.insert_header((LINK, link));
            }
            let permit = state.concurrency.admit_buffered_list(caller.user_id(), icps.bytes())?;
            Ok(response.body(GuardedBody::new(ListBody::from(icps), permit)))
        }
        ListResponse::Long { first, version, rest } => {
            let permit = state.concurrency.admit_streamed_list(caller.user_id())?;
            Ok(respond(version).body(GuardedBody::new(list_body::long_list_body(first, rest), permit)))
        }
        ListResponse::NotModified(version) => Ok(not_modified_response(&request, &state, &version)),
    }
}

/// Returns one ICP.
async fn get(
    request: HttpRequest,
    state: Data<State>,
    CurrentUser(caller): CurrentUser,
    Inputs((IdInPath(id), _, Conditions(preconditions))): Inputs<(
        IdInPath,
        Query<NoQuery>,
        Conditions<Version>,
    )>,
) -> Result<HttpResponse, ApiError> {
    match state.icps.get(&caller, id, &preconditions).await? {
        Conditional::Changed(icp) => Ok(stored_response(HttpResponse::Ok(), &state, icp)),
        Conditional::Unchanged(version) => Ok(not_modified_response(&request, &state, &version)),
    }
}

/// Creates an ICP, once for each `Idempotency-Key`.
async fn create(
    state: Data<State>,
    CurrentUser(caller): CurrentUser,
    Inputs((Query(query), IdempotencyKeyHeader(key), Conditions(preconditions))): Inputs<(
        Query<WriteQuery>,
        IdempotencyKeyHeader,
        Conditions<ListVersion>,
    )>,
    body: JsonBody,
) -> Result<HttpResponse, ApiError> {
    if query.value.dry_run {
        return Ok(preview_response(
            &state,
            state.icps.preview_create(&caller, body.0, &preconditions).await?,
        ));
    }
    let created = state.icps.create(&caller, body.0, key.as_ref(), &preconditions).await?;
    Ok(created_response(&state, created))
}

/// Merges the fields of the body into the ICP.
async fn update(
    state: Data<State>,
    CurrentUser(caller): CurrentUser,
    Inputs((IdInPath(id), Query(query), Conditions(preconditions))): Inputs<(
        IdInPath,
        Query<WriteQuery>,
        Conditions<Version>,
    )>,
    body: PatchBody,
) -> Result<HttpResponse, ApiError> {
    if query.value.dry_run {
        let json = state.icps.preview_update(&caller, id, body.0, &preconditions).await?;
        return Ok(preview_response(&state, json));
    }
    let icp = state.icps.update(&caller, id, body.0, &preconditions).await?;
    Ok(stored_response(HttpResponse::Ok(), &state, icp))
}

/// Deletes the ICP.
async fn delete(
    state: Data<State>,
    CurrentUser(caller): CurrentUser,
    Inputs((IdInPath(id), _, Conditions(preconditions))): Inputs<(
        IdInPath,
        Query<NoQuery>,
        Conditions<Version>,
    )>,
) -> Result<HttpResponse, ApiError> {
    state.icps.delete(&caller, id, &preconditions).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Adds a user to the ICP, or removes one.
async fn set_access(
    request: HttpRequest,
    state: Data<State>,
    CurrentUser(caller): CurrentUser,
    Inputs((IdInPath(id), UserInPath(user_id), _, Conditions(preconditions))): Inputs<(
        IdInPath,
        UserInPath,
        Query<NoQuery>,
        Conditions<Version>,
    )>,
) -> Result<HttpResponse, ApiError> {
    let access = if request.method() == Method::PUT { Access::Granted } else { Access::Revoked };
    let shared = state.icps.set_access(&caller, id, user_id, access, &preconditions).await;
    Ok(stored_response(HttpResponse::Ok(), &state, shared.map_err(access_error)?))
}

/// Converts the error of a grant or a revocation. The request has no body, so a violation concerns its user ID.
pub(super) fn access_error(error: ServiceError) -> ApiError {
    let ServiceError::Invalid(violations) = error else { return error.into() };
    let violations = violations.into_iter();
    let of_user = |Violation { code, detail, .. }| ParameterViolation::new("userId", code, detail);
    ApiError::InvalidParameters(violations.map(of_user).collect())
}

/// Returns the response with a new ICP.
pub(super) fn created_response(state: &State, Created { icp, is_replay }: Created) -> HttpResponse {
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("{PATH}/{}", icp.id)));
    if is_replay {
        response.insert_header((IDEMPOTENCY_REPLAYED, "true"));
    }
    stored_response(response, state, icp)
}

/// Returns the response with a stored ICP.
pub(super) fn stored_response(
    mut response: HttpResponseBuilder,
    state: &State,
    icp: StoredIcp,
) -> HttpResponse {
    insert_headers(&mut response, state);
    response.insert_header(etag::header(&icp.version)).content_type("application/json").body(icp.json)
}

/// Returns the response of a dry run. It has no `ETag`, because nothing was stored.
fn preview_response(state: &State, json: String) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    insert_headers(&mut response, state);
    response.content_type("application/json").body(json)
}

/// Returns the response to a client that has the current version. Its `ETag` is the tag that the response with a body
/// would have (RFC 9110, section 15.4.5).
fn not_modified_response(request: &HttpRequest, state: &State, version: &impl EntityTag) -> HttpResponse {
    let mut response = HttpResponse::NotModified();
    insert_headers(&mut response, state);
    response.insert_header(etag::header(version));
    let mut response = response.finish();
    etag::mark_coding(response.headers_mut(), compression::response_coding(request));
    response
}

/// Inserts the caching headers of every response with ICPs. Only the caller's own cache may store such a response, and
/// must revalidate it before each use.
pub(super) fn insert_headers(response: &mut HttpResponseBuilder, state: &State) {
    let vary = if state.session_cookie {
        "Authorization, Cookie, Accept-Encoding"
    } else {
        "Authorization, Accept-Encoding"
    };
    response.insert_header((CACHE_CONTROL, "private, no-cache")).insert_header((VARY, vary));
}
