//! The OpenAPI operations on histories and deleted ICPs, and the copy of an ICP.

use serde_json::{Value, json};

use crate::http::extract::HISTORY_PARAMETERS;

use super::components::reference;
use super::operations::{JSON, body, query_parameters, response, response_without_body, with_errors};

const READ_ERRORS: [&str; 7] =
    ["BadRequest", "Unauthorized", "Forbidden", "NotFound", "PreconditionFailed", "Internal", "Unavailable"];

pub(super) fn list_revisions() -> Value {
    json!({
        "operationId": "listRevisions", "tags": ["history"], "summary": "List the revisions of an ICP",
        "description": "Returns who changed the ICP, when and how, the newest first. The first revision is the current \
            state or, if the ICP is deleted, its delete. Users who may read the ICP may read its complete history. The \
            users of a deleted ICP may read its history. The response is also 404 if the service keeps no history.",
        "parameters": query_parameters(HISTORY_PARAMETERS, &["Id", "IfMatch", "IfNoneMatch"]),
        "responses": with_errors(
            json!({"200": response("The revisions.", "RevisionList", &["Link"]), "304": not_modified()}), &READ_ERRORS,
        ),
    })
}

pub(super) fn get_revision() -> Value {
    json!({
        "operationId": "getRevision", "tags": ["history"], "summary": "Get a revision of an ICP",
        "description": "Returns a revision with its ICP, including parts that this version of the service does not \
            know. The revision of a delete contains the ICP that was deleted.",
        "parameters": query_parameters::<()>(&[], &["Id", "Revision", "IfMatch", "IfNoneMatch"]),
        "responses": with_errors(
            json!({"200": response("The revision.", "RevisionWithIcp", &[]), "304": not_modified()}), &READ_ERRORS,
        ),
    })
}

pub(super) fn list_deleted() -> Value {
    json!({
        "operationId": "listDeletedIcps", "tags": ["history"], "summary": "List deleted ICPs",
        "description": "Returns the deleted ICPs that the caller could access when they were deleted, the newest \
            first, as long as the history keeps them. A response can have fewer ICPs than `limit`; the `Link` header \
            says whether there are more.",
        "parameters": query_parameters(HISTORY_PARAMETERS, &["IfMatch", "IfNoneMatch"]),
        "responses": with_errors(
            json!({
                "200": response("The deletes, each with its deleted ICP.", "DeletedList", &["Link"]),
                "304": not_modified(),
            }),
            &["BadRequest", "Unauthorized", "NotFound", "PreconditionFailed", "Internal", "Unavailable"],
        ),
    })
}

pub(super) fn restore_icp() -> Value {
    json!({
        "operationId": "restoreIcp", "tags": ["history"], "summary": "Restore an ICP",
        "description": "Restores the ICP to a revision, as a new change. Its users do not change. Also restores a \
            deleted ICP, with the users that it had when it was deleted.",
        "parameters": query_parameters::<()>(&[], &["Id", "IfMatch", "IfNoneMatch"]),
        "requestBody": body(&[JSON], "IcpRestore", &json!({"revision": "1795490684102427"})),
        "responses": with_errors(
            json!({"200": response("The ICP after the restore.", "Icp", &["ETag"])}),
            &["BadRequest", "Unauthorized", "Forbidden", "NotFound", "Conflict", "PreconditionFailed", "PayloadTooLarge",
                "UnsupportedMediaType", "Internal", "Unavailable"],
        ),
    })
}

pub(super) fn copy_icp() -> Value {
    let mut optional_body = body(&[JSON], "IcpCopy", &json!({"name": "Enterprise Tech Buyers, Austria"}));
    if let Some(required) = optional_body.get_mut("required") {
        *required = false.into();
    }
    json!({
        "operationId": "copyIcp", "tags": ["icps"], "summary": "Copy an ICP",
        "description": "Creates an ICP with the same criteria, including parts that this version of the service does \
            not know. The caller is its only user. Without a body, its name is the name of the original with the \
            suffix ` (copy)`, shortened if necessary.",
        "parameters": query_parameters::<()>(&[], &["Id", "IdempotencyKey", "IfMatch", "IfNoneMatch"]),
        "requestBody": optional_body,
        "responses": with_errors(
            json!({
                "201": response("The copy.", "Icp", &["ETag", "Location", "Idempotency-Replayed=IdempotencyReplayed"]),
            }),
            &["BadRequest", "Unauthorized", "Forbidden", "NotFound", "Conflict", "PreconditionFailed", "PayloadTooLarge",
                "UnsupportedMediaType", "KeyReused", "Internal", "Unavailable"],
        ),
    })
}

fn not_modified() -> Value {
    response_without_body("The client has a copy, according to `If-None-Match: *`.", &[])
}

/// Returns the schemas of histories.
pub(super) fn schemas() -> Value {
    let user = |description: &str| json!({"type": ["string", "null"], "description": description});
    let revision = json!({
        "revision": {"type": "string", "description": "The version: the `ETag` of the state without its quotes.",
            "examples": ["1795490684102427"]},
        "at": {"type": "string", "format": "date-time", "description": "The time of the change."},
        "by": user("The user who made the change. Null if it is not known, as for imports."),
        "actor": user("The user who impersonated `by`, or null."),
        "source": {"type": "string", "description": "How the change was made: `api`, `mcp` or `import`."},
        "operation": {"type": "string", "description": "What the change did: `create`, `update`, `delete` or \
            `restore`. Sharing is an `update`."},
        "changed": {"type": "array", "items": {"type": "string"}, "description": "The names of the top-level fields \
            that the change replaced, without `updatedAt`, sorted. Empty for `create` and `delete`."},
    });
    let required = ["revision", "at", "by", "actor", "source", "operation", "changed"];
    let required_with_icp = [&required[..], &["icp"]].concat();
    let mut with_icp = revision.clone();
    if let Some(properties) = with_icp.as_object_mut() {
        properties.insert("icp".to_owned(), reference("schemas", "Icp"));
    }
    let list = |of: &str, description: &str| json!({"type": "array", "items": reference("schemas", of), "description": description});
    json!({
        "Revision": {"type": "object", "description": "A state of an ICP, and the change that made it.",
            "required": required, "properties": revision},
        "RevisionWithIcp": {"type": "object", "description": "A revision with its ICP.",
            "required": required_with_icp, "properties": with_icp},
        "RevisionList": list("Revision", "The revisions of an ICP, the newest first."),
        "DeletedList": list("RevisionWithIcp", "The deletes of ICPs, the newest first."),
        "IcpCopy": {
            "type": "object", "description": "The body that copies an ICP.", "additionalProperties": false,
            "properties": {"name": {"type": "string", "minLength": 1, "maxLength": icp_domain::limits::NAME,
                "pattern": icp_domain::schema::VISIBLE, "description": "The name of the copy."}},
        },
        "IcpRestore": {
            "type": "object", "description": "The body that restores an ICP.", "additionalProperties": false,
            "required": ["revision"],
            "properties": {"revision": {"type": "string", "pattern": "^(0|-?[1-9][0-9]{0,18})$",
                "description": "The `revision` of an entry in the history."}},
        },
    })
}
