//! The operations of ICPs and of the service.

use serde_json::{Map, Value, json};

use crate::http::extract::LIST_PARAMETERS;
use crate::http::extract::parameters::{DRY_RUN, Parameter};

use super::components::{errors, reference};
use super::history;

pub(super) const JSON: &str = "application/json";

pub(super) fn paths() -> Value {
    json!({
        "/api/v1/entities/icps": {"get": list_icps(), "post": create_icp()},
        "/api/v1/entities/icps/{id}": {"get": get_icp(), "patch": update_icp(), "delete": delete_icp()},
        "/api/v1/entities/icps/{id}/users/{userId}": {"put": add_user(), "delete": remove_user()},
        "/api/v1/entities/icps/deleted": {"get": history::list_deleted()},
        "/api/v1/entities/icps/{id}/revisions": {"get": history::list_revisions()},
        "/api/v1/entities/icps/{id}/revisions/{revision}": {"get": history::get_revision()},
        "/api/v1/entities/icps/{id}/restore": {"post": history::restore_icp()},
        "/api/v1/entities/icps/{id}/copy": {"post": history::copy_icp()},
        "/health/live": {"get": live()},
        "/health/ready": {"get": ready()},
        "/api/v1/openapi.json": {"get": description()},
    })
}

fn list_icps() -> Value {
    json!({
        "operationId": "listIcps", "tags": ["icps"], "summary": "List ICPs",
        "description": "Returns every ICP that names the caller, oldest first, including expired ones. With `limit`, \
            the response has a `Link` header if there is another page. `Prefer: handling=strict` makes unknown \
            parameters an error.",
        "parameters": query_parameters(LIST_PARAMETERS, &["IfMatch", "IfNoneMatch"]),
        "responses": with_errors(
            json!({
                "200": response("The ICPs.", "IcpList", &["ETag", "Link"]),
                "304": response_without_body("The client has the current list.", &["ETag"]),
            }),
            &["BadRequest", "Unauthorized", "PreconditionFailed", "Internal", "Unavailable"],
        ),
    })
}

fn create_icp() -> Value {
    json!({
        "operationId": "createIcp", "tags": ["icps"], "summary": "Create an ICP",
        "description": "Stores a new ICP. The caller is added to its users.",
        "parameters": query_parameters(&[DRY_RUN], &["IdempotencyKey", "IfMatch", "IfNoneMatch"]),
        "requestBody": body(&[JSON], "NewIcp", &json!({
            "name": "Enterprise Tech Buyers",
            "leadProviderCriteria": [
                {"provider": "baseProvider", "type": "person", "filters": {"job_title": ["CTO"], "location": {"country": ["Germany"]}}},
            ],
            "customFilterCriteria": [
                {"type": "website", "provider": "browserUse", "prompt": "Does it sell to enterprises?"},
                {"type": "webscraping", "provider": "firecrawl", "extractionPrompt": "List the software in use",
                    "pageFindingPrompt": "Pages about technology",
                    "includeSearchStrings": ["cloud"], "excludeSearchStrings": []},
                {"type": "ai", "entityType": "person", "prompt": "Does this person decide on software?"},
                {"type": "maxPeoplePerCompany", "value": 3},
                {"type": "maxPercentFromCRM", "value": 50},
                {"type": "minDaysUntilReuse", "value": 90},
                {"type": "matchFieldWithRegex", "field": "jobTitle", "regex": "^(CTO|CIO)$"},
            ],
            "leadsPerList": 25,
        })),
        "responses": with_errors(
            json!({
                "200": response("The ICP that would be stored, for a dry run.", "Icp", &[]),
                "201": response("The ICP.", "Icp", &["ETag", "Location", "Idempotency-Replayed=IdempotencyReplayed"]),
            }),
            &["BadRequest", "Unauthorized", "Forbidden", "Conflict", "PreconditionFailed", "PayloadTooLarge", "UnsupportedMediaType", "KeyReused", "Internal", "Unavailable"],
        ),
    })
}

fn get_icp() -> Value {
    json!({
        "operationId": "getIcp", "tags": ["icps"], "summary": "Get an ICP",
        "description": "Returns an ICP to its users and to admins.",
        "parameters": query_parameters::<()>(&[], &["Id", "IfMatch", "IfNoneMatch"]),
        "responses": with_errors(
            json!({
                "200": response("The ICP.", "Icp", &["ETag"]),
                "304": response_without_body("The client has the current ICP.", &["ETag"]),
            }),
            &["BadRequest", "Unauthorized", "Forbidden", "NotFound", "PreconditionFailed", "Internal", "Unavailable"],
        ),
    })
}

fn update_icp() -> Value {
    json!({
        "operationId": "updateIcp", "tags": ["icps"], "summary": "Change an ICP",
        "description": "Replaces the fields that are in the body. If requests change different fields concurrently, \
            all changes persist.",
        "parameters": query_parameters(&[DRY_RUN], &["Id", "IfMatch", "IfNoneMatch"]),
        "requestBody": body(
            &["application/merge-patch+json", JSON], "IcpPatch", &json!({"leadsPerList": 50, "activeUntil": null}),
        ),
        "responses": with_errors(
            json!({
                "200": response("The ICP after the change. For a dry run, the ICP that would be stored, without an \
                    `ETag`.", "Icp", &["ETag=OptionalETag"]),
            }),
            &["BadRequest", "Unauthorized", "Forbidden", "NotFound", "Conflict", "PreconditionFailed", "PayloadTooLarge",
                "UnsupportedMediaType", "Internal", "Unavailable"],
        ),
    })
}

fn delete_icp() -> Value {
    json!({
        "operationId": "deleteIcp", "tags": ["icps"], "summary": "Delete an ICP",
        "description": "Deletes the ICP.",
        "parameters": query_parameters::<()>(&[], &["Id", "IfMatch", "IfNoneMatch"]),
        "responses": with_errors(
            json!({"204": response_without_body("The ICP is deleted.", &[])}),
            &["BadRequest", "Unauthorized", "Forbidden", "NotFound", "Conflict", "PreconditionFailed", "Internal", "Unavailable"],
        ),
    })
}

fn add_user() -> Value {
    let description = "Adds one user to `userIds`. Nothing changes if `userIds` already contains the user.";
    share("addUser", "Share an ICP with a user", description)
}

fn remove_user() -> Value {
    let description = "Removes one user from `userIds`. Users may remove themselves. If `userIds` does not contain the \
        user, nothing changes. Only an admin may remove the last user.";
    share("removeUser", "Stop sharing an ICP with a user", description)
}

fn share(operation: &str, summary: &str, description: &str) -> Value {
    json!({
        "operationId": operation, "tags": ["icps"], "summary": summary, "description": description,
        "parameters": query_parameters::<()>(&[], &["Id", "UserId", "IfMatch", "IfNoneMatch"]),
        "responses": with_errors(
            json!({"200": response("The ICP after the change.", "Icp", &["ETag"])}),
            &["BadRequest", "Unauthorized", "Forbidden", "NotFound", "Conflict", "PreconditionFailed", "Internal", "Unavailable"],
        ),
    })
}

fn live() -> Value {
    service(
        "isLive",
        "Check that the process works",
        &json!({"200": response("The process works.", "Liveness", &[])}),
    )
}

fn ready() -> Value {
    let responses = json!({
        "200": response("The service is ready.", "Readiness", &[]),
        "503": response("The service is not ready. `checks` names the reason.", "Readiness", &[]),
    });
    service("isReady", "Check that the service is ready", &responses)
}

fn description() -> Value {
    let document = json!({
        "description": "This document.", "headers": headers(&[]), "content": {JSON: {"schema": {"type": "object"}}},
    });
    let responses = json!({"200": document, "503": reference("responses", "Unavailable")});
    service("getDescription", "Get this document", &responses)
}

fn service(operation: &str, summary: &str, responses: &Value) -> Value {
    json!({
        "operationId": operation, "tags": ["service"], "summary": summary, "description": "Needs no authentication.",
        "security": [], "responses": responses,
    })
}

/// Returns the query parameters in `table`, and references to the parameters that `components` names.
pub(super) fn query_parameters<T>(table: &[Parameter<T>], components: &[&str]) -> Vec<Value> {
    let query = table.iter().map(|parameter| {
        json!({
            "name": parameter.name, "in": "query", "schema": parameter.kind.schema(),
            "description": parameter.description,
        })
    });
    query.chain(components.iter().map(|name| reference("parameters", name))).collect()
}

/// Adds the error responses with these component names, and `TooManyRequests` and `Unavailable`, which every operation
/// on ICPs can return.
pub(super) fn with_errors(mut responses: Value, names: &[&str]) -> Value {
    if let Value::Object(responses) = &mut responses {
        responses.extend(errors(&[names, &["TooManyRequests", "Unavailable"]].concat()));
    }
    responses
}

pub(super) fn response(description: &str, schema: &str, header_names: &[&str]) -> Value {
    json!({
        "description": description, "headers": headers(header_names),
        "content": {JSON: {"schema": reference("schemas", schema)}},
    })
}

pub(super) fn response_without_body(description: &str, header_names: &[&str]) -> Value {
    json!({"description": description, "headers": headers(header_names)})
}

/// Returns references to the components of headers. An element is `name=component` if the name of the header differs
/// from that of its component.
fn headers(names: &[&str]) -> Map<String, Value> {
    let own = names.iter().map(|name| name.split_once('=').unwrap_or((name, name)));
    own.chain([("x-request-id", "RequestId")])
        .map(|(name, component)| (name.to_owned(), reference("headers", component)))
        .collect()
}

pub(super) fn body(media_types: &[&str], schema: &str, example: &Value) -> Value {
    let content = |_| json!({"schema": reference("schemas", schema), "example": example});
    let content: Map<String, Value> =
        media_types.iter().map(|media_type| ((*media_type).to_owned(), content(media_type))).collect();
    json!({"required": true, "content": content})
}
