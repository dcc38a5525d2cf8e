//! `/api/v1/entities/icps/...`: histories, deleted ICPs, restores and copies.

use actix_web::http::header::LINK;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use icp_application::{HistoryRequest, HistoryResponse};
use icp_domain::{Caller, UserId};
use icp_ports::{Revision, Version, WireListBuilder};

use super::body::GuardedBody;
use super::error::ApiError;
use super::etag::EntityTag as _;
use super::extract::parameters::Parsed;
use super::extract::{
    Conditions, CurrentUser, IdInPath, IdempotencyKeyHeader, Inputs, JsonBody, NoQuery, OptionalJsonBody,
    Query,
};
use super::icps::{PATH, created_response, insert_headers, stored_response};
use super::list_body::ListBody;
use super::routing::{protected, read};
use super::state::State;

const READ_METHODS: &str = "GET, HEAD, OPTIONS";

/// Declares the route of deleted ICPs. It must precede the routes of one ICP, which would parse `deleted` as an ID.
pub(super) fn deleted_routes(config: &mut web::ServiceConfig) {
    for path in ["/api/v1/entities/icps/deleted", "/api/v1/entities/icps/deleted/"] {
        config.service(protected(path, READ_METHODS, [read().to(deleted)]));
    }
}

/// Declares the routes of histories. They follow the routes of one ICP and of lists, which clients request more often.
/// actix tries routes in order, and matches each path with parameters by a regular expression.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    let one = "/api/v1/entities/icps/{id}";
    for end in ["", "/"] {
        let at = |path: &str| format!("{path}{end}");
        config
            .service(protected(&at(&format!("{one}/revisions")), READ_METHODS, [read().to(revisions)]))
            .service(protected(
                &at(&format!("{one}/revisions/{{revision}}")),
                READ_METHODS,
                [read().to(revision)],
            ))
            .service(protected(&at(&format!("{one}/restore")), "POST, OPTIONS", [web::post().to(restore)]))
            .service(protected(&at(&format!("{one}/copy")), "POST, OPTIONS", [web::post().to(copy)]));
    }
}

/// Returns the revisions of an ICP, the newest first.
async fn revisions(
    state: Data<State>,
    CurrentUser(caller): CurrentUser,
    Inputs((IdInPath(id), Query(query), Conditions(preconditions))): Inputs<(
        IdInPath,
        Query<HistoryRequest>,
        Conditions<Version>,
    )>,
) -> Result<HttpResponse, ApiError> {
    let page = state.icps.revisions(&caller, id, &query.value).await?;
    if preconditions.is_not_modified_without_version()? {
        return Ok(not_modified_response(&state));
    }
    let path = format!("{PATH}/{id}/revisions");
    page_response(&state, &caller, &page, &query, &path)
}

/// Returns the deleted ICPs, the newest first.
async fn deleted(
    state: Data<State>,
    CurrentUser(caller): CurrentUser,
    Inputs((Query(query), Conditions(preconditions))): Inputs<(Query<HistoryRequest>, Conditions<Version>)>,
) -> Result<HttpResponse, ApiError> {
    let page = state.icps.deleted(&caller, &query.value).await?;
    if preconditions.is_not_modified_without_version()? {
        return Ok(not_modified_response(&state));
    }
    page_response(&state, &caller, &page, &query, &format!("{PATH}/deleted"))
}

/// Returns one revision with its ICP.
async fn revision(
    request: HttpRequest,
    state: Data<State>,
    CurrentUser(caller): CurrentUser,
    Inputs((IdInPath(id), _, Conditions(preconditions))): Inputs<(
        IdInPath,
        Query<NoQuery>,
        Conditions<Version>,
    )>,
) -> Result<HttpResponse, ApiError> {
    let revision = request.match_info().get("revision").unwrap_or_default();
    // No state has the version -1, so a text that is not a revision has the same response as an unknown revision.
    let version = Version::of_tag(revision).unwrap_or(Version(-1));
    let revision = state.icps.revision(&caller, id, version).await?;
    if preconditions.is_not_modified_without_version()? {
        return Ok(not_modified_response(&state));
    }
    let mut response = HttpResponse::Ok();
    insert_headers(&mut response, &state);
    Ok(response.content_type("application/json").body(revision_json(&revision)))
}

/// Restores the state of a revision.
async fn restore(
    state: Data<State>,
    CurrentUser(caller): CurrentUser,
    Inputs((IdInPath(id), _, Conditions(preconditions))): Inputs<(
        IdInPath,
        Query<NoQuery>,
        Conditions<Version>,
    )>,
    body: JsonBody,
) -> Result<HttpResponse, ApiError> {
    let icp = state.icps.restore(&caller, id, body.0, &preconditions).await?;
    Ok(stored_response(HttpResponse::Ok(), &state, icp))
}

/// Copies the ICP, once for each `Idempotency-Key`.
async fn copy(
    state: Data<State>,
    CurrentUser(caller): CurrentUser,
    Inputs((IdInPath(id), _, IdempotencyKeyHeader(key), Conditions(preconditions))): Inputs<(
        IdInPath,
        Query<NoQuery>,
        IdempotencyKeyHeader,
        Conditions<Version>,
    )>,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<HttpResponse, ApiError> {
    let copy = state.icps.copy(&caller, id, body, key.as_ref(), &preconditions).await?;
    Ok(created_response(&state, copy))
}

/// Returns the response to `If-None-Match: *`. Histories have no `ETag`.
fn not_modified_response(state: &State) -> HttpResponse {
    let mut response = HttpResponse::NotModified();
    insert_headers(&mut response, state);
    response.finish()
}

/// Returns the response with a page of a history.
fn page_response(
    state: &State,
    caller: &Caller,
    page: &HistoryResponse,
    query: &Parsed<HistoryRequest>,
    path: &str,
) -> Result<HttpResponse, ApiError> {
    let mut list = WireListBuilder::default();
    page.revisions.iter().for_each(|revision| list.push(&revision_json(revision)));
    let list = list.finish();
    let mut response = HttpResponse::Ok();
    insert_headers(&mut response, state);
    if let Some(cursor) = &page.cursor {
        response.insert_header((LINK, format!("<{path}?{}>; rel=\"next\"", query.with_cursor(cursor))));
    }
    let permit = state.concurrency.admit_buffered_list(caller.user_id(), list.bytes())?;
    Ok(response.content_type("application/json").body(GuardedBody::new(ListBody::from(list), permit)))
}

/// Returns the JSON of a revision. It contains the stored document unchanged.
pub(super) fn revision_json(revision: &Revision) -> String {
    let Revision { id: _, version, at, author, operation, changed, json } = revision;
    let user = |user: &Option<UserId>| serde_json::to_string(user).unwrap_or_default();
    let icp = json.as_ref().map(|json| format!(r#","icp":{json}"#)).unwrap_or_default();
    format!(
        r#"{{"revision":"{}","at":"{at}","by":{},"actor":{},"source":"{}","operation":"{}","changed":{}{icp}}}"#,
        version.tag(),
        user(&author.by),
        user(&author.actor),
        author.source.as_str(),
        operation.as_str(),
        changed.as_json(),
    )
}
