//! What can be asked, and what is answered.

use serde_json::{Map, Value, json};

use crate::http::extract::LIST_PARAMETERS;
use crate::http::extract::parameters::{DRY_RUN, Parameter};

use super::components::{errors, reference};

const JSON: &str = "application/json";

pub(super) fn paths() -> Value {
    json!({
        "/api/v1/entities/icps": {"get": list_icps(), "post": create_icp()},
        "/api/v1/entities/icps/{id}": {"get": get_icp(), "patch": update_icp(), "delete": delete_icp()},
        "/health/live": {"get": live()},
        "/health/ready": {"get": ready()},
        "/api/v1/openapi.json": {"get": description()},
    })
}

fn list_icps() -> Value {
    json!({
        "operationId": "listIcps", "tags": ["icps"], "summary": "List ICPs",
        "description": "Every ICP that names the caller, oldest first, expired ones included. Parameters narrow it down; with \
            `limit`, an answer that is not the last has a `Link` to the next page.",
        "parameters": query_parameters(LIST_PARAMETERS, &["IfMatch", "IfNoneMatch"]),
        "responses": with_errors(
            json!({
                "200": answer("The ICPs.", "IcpList", &["ETag", "Link"]),
                "304": empty("The list is as the client has it.", &["ETag"]),
            }),
            &["BadRequest", "Unauthorized", "Internal", "Unavailable"],
        ),
    })
}

fn create_icp() -> Value {
    json!({
        "operationId": "createIcp", "tags": ["icps"], "summary": "Create an ICP",
        "description": "The caller is among its users, whether the body lists them or not.",
        "parameters": query_parameters(&[DRY_RUN], &["IdempotencyKey"]),
        "requestBody": body(&[JSON], "NewIcp", &json!({
            "name": "Enterprise Tech Buyers",
            "leadProviderCriteria": [
                {"provider": "baseProvider", "type": "person", "filters": {"job_title": ["CTO"], "location": ["Germany"]}},
            ],
            "customFilterCriteria": [
                {"type": "website", "provider": "browserUse", "prompt": "Does the company sell to enterprises?"},
                {"type": "webscraping", "provider": "firecrawl", "extractionPrompt": "The tools that they use",
                    "pageFindingPrompt": "Pages about technology", "includeSearchStrings": ["cloud"], "excludeSearchStrings": []},
                {"type": "ai", "entityType": "company", "prompt": "Is this a software company?"},
                {"type": "maxPeoplePerCompany", "value": 3},
                {"type": "maxPercentFromCRM", "value": 50},
                {"type": "minDaysUntilReuse", "value": 90},
                {"type": "matchFieldWithRegex", "field": "company.headcount", "regex": "^[0-9]{3,}$"},
            ],
            "leadsPerList": 25,
        })),
        "responses": with_errors(
            json!({"201": answer("The ICP.", "Icp", &["ETag", "Location"])}),
            &["BadRequest", "Unauthorized", "Conflict", "PayloadTooLarge", "UnsupportedMediaType", "KeyReused", "Internal", "Unavailable"],
        ),
    })
}

fn get_icp() -> Value {
    json!({
        "operationId": "getIcp", "tags": ["icps"], "summary": "Get an ICP",
        "description": "For its users and for admins.",
        "parameters": query_parameters::<()>(&[], &["Id", "IfMatch", "IfNoneMatch"]),
        "responses": with_errors(
            json!({
                "200": answer("The ICP.", "Icp", &["ETag"]),
                "304": empty("The ICP is as the client has it.", &["ETag"]),
            }),
            &["BadRequest", "Unauthorized", "Forbidden", "NotFound", "Internal", "Unavailable"],
        ),
    })
}

fn update_icp() -> Value {
    json!({
        "operationId": "updateIcp", "tags": ["icps"], "summary": "Change an ICP",
        "description": "The members of the body replace those that are there. Two who change different members at the same moment \
            both keep their change.",
        "parameters": query_parameters(&[DRY_RUN], &["Id", "IfMatch", "IfNoneMatch"]),
        "requestBody": body(
            &["application/merge-patch+json", JSON], "IcpPatch", &json!({"leadsPerList": 50, "activeUntil": null}),
        ),
        "responses": with_errors(
            json!({"200": answer("The whole ICP as it is now.", "Icp", &["ETag"])}),
            &["BadRequest", "Unauthorized", "Forbidden", "NotFound", "Conflict", "PreconditionFailed", "PayloadTooLarge",
                "UnsupportedMediaType", "Internal", "Unavailable"],
        ),
    })
}

fn delete_icp() -> Value {
    json!({
        "operationId": "deleteIcp", "tags": ["icps"], "summary": "Delete an ICP",
        "description": "For good.",
        "parameters": query_parameters::<()>(&[], &["Id", "IfMatch", "IfNoneMatch"]),
        "responses": with_errors(
            json!({"204": empty("It is gone.", &[])}),
            &["BadRequest", "Unauthorized", "Forbidden", "NotFound", "Conflict", "PreconditionFailed", "Internal", "Unavailable"],
        ),
    })
}

fn live() -> Value {
    service("isLive", "Whether the process works", &json!({"200": answer("It does.", "Liveness", &[])}))
}

fn ready() -> Value {
    let responses = json!({
        "200": answer("It can.", "Readiness", &[]),
        "503": answer("It cannot, and `checks` says why.", "Readiness", &[]),
    });
    service("isReady", "Whether the service can do its work", &responses)
}

fn description() -> Value {
    let document = json!({
        "description": "This document.", "headers": headers(&[]), "content": {JSON: {"schema": {"type": "object"}}},
    });
    service("getDescription", "The description of this API", &json!({"200": document}))
}

fn service(operation: &str, summary: &str, responses: &Value) -> Value {
    json!({
        "operationId": operation, "tags": ["service"], "summary": summary, "description": "No sign-in is needed.",
        "security": [], "responses": responses,
    })
}

/// Returns the parameters of a table, and parameters among the components.
fn query_parameters<T>(table: &[Parameter<T>], components: &[&str]) -> Vec<Value> {
    let query = table.iter().map(|parameter| {
        json!({
            "name": parameter.name, "in": "query", "schema": parameter.kind.schema(),
            "description": parameter.description,
        })
    });
    query.chain(components.iter().map(|name| reference("parameters", name))).collect()
}

fn with_errors(mut responses: Value, names: &[&str]) -> Value {
    if let Value::Object(responses) = &mut responses {
        // Whatever is asked may be more than there is time for.
        responses.extend(errors(&[names, &["TooManyRequests", "Unavailable"]].concat()));
    }
    responses
}

fn answer(description: &str, schema: &str, headers_of: &[&str]) -> Value {
    json!({
        "description": description,
        "headers": headers(headers_of),
        "content": {JSON: {"schema": reference("schemas", schema)}},
    })
}

fn empty(description: &str, headers_of: &[&str]) -> Value {
    json!({"description": description, "headers": headers(headers_of)})
}

fn headers(names: &[&str]) -> Map<String, Value> {
    let request_id = ("x-request-id".to_owned(), reference("headers", "RequestId"));
    names.iter().map(|name| ((*name).to_owned(), reference("headers", name))).chain([request_id]).collect()
}

fn body(media_types: &[&str], schema: &str, example: &Value) -> Value {
    let content = |_| json!({"schema": reference("schemas", schema), "example": example});
    let content: Map<String, Value> =
        media_types.iter().map(|media_type| ((*media_type).to_owned(), content(media_type))).collect();
    json!({"required": true, "content": content})
}
