//! The components of the document: schemas, parameters, headers and error responses.

use icp_domain::{ViolationCode, limits, schema};
use serde_json::{Map, Value, json};

use super::history;
use crate::http::error::kinds::{ALL_KINDS, ErrorKind};

/// The pattern of an unquoted key, or of a quoted key in which a backslash escapes quotes and backslashes.
const IDEMPOTENCY_KEY_PATTERN: &str =
    r#"^([!#-\[\]-~]{1,255}|"([!#-\[\]-~]|\\["\\])([ !#-\[\]-~]|\\["\\]){0,254}")$"#;

/// The example list of the contract. Its first ICP is the example of the schema `Icp`.
const EXAMPLE_LIST: &str = include_str!("../../../../docs/reference/contract/example-list-icps.json");

/// Returns references to the error responses with these component names. The keys are the statuses.
pub(super) fn errors(names: &[&str]) -> Map<String, Value> {
    let wanted = ALL_KINDS.iter().filter(|kind| names.contains(&kind.component));
    wanted.map(|kind| (kind.status.to_string(), reference("responses", kind.component))).collect()
}

pub(super) fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

pub(super) fn components() -> Value {
    let mut schemas = schema::components();
    let example_list: Vec<Value> = serde_json::from_str(EXAMPLE_LIST).unwrap_or_default();
    if let Some(Value::Object(icp)) = schemas.get_mut("Icp") {
        icp.insert("examples".to_owned(), json!(example_list.get(..1)));
    }
    schemas.extend(own_schemas());
    if let Value::Object(history) = history::schemas() {
        schemas.extend(history);
    }
    json!({
        "schemas": schemas,
        "responses": responses(),
        "parameters": parameters(),
        "headers": headers(),
        "securitySchemes": {
            "session": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "A Clerk session token. Under the development sign-in, `icp token --user ID` prints \
                    one.",
            },
        },
    })
}

fn own_schemas() -> Map<String, Value> {
    let codes: Vec<_> = ALL_KINDS.iter().map(|kind| kind.code).collect();
    let violation_codes = [
        ViolationCode::Required,
        ViolationCode::UnknownField,
        ViolationCode::InvalidType,
        ViolationCode::InvalidValue,
        ViolationCode::OutOfRange,
        ViolationCode::TooLong,
        ViolationCode::Duplicate,
        ViolationCode::ReadOnly,
        ViolationCode::Malformed,
    ]
    .map(ViolationCode::as_str);
    let schemas = json!({
        "IcpList": {
            "type": "array", "items": reference("schemas", "Icp"), "description": "ICPs in the requested order.",
        },
        "Problem": {
            "type": "object", "description": "An error (RFC 9457).",
            "required": ["type", "title", "status", "detail", "code", "requestId"],
            "properties": {
                "type": {"type": "string", "description": "Always `about:blank`. `code` is the kind of error."},
                "title": {"type": "string", "description": "The name of the status."},
                "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "The status of the response."},
                "detail": {"type": "string", "description": "The reason and its remedy, for people."},
                "code": reference("schemas", "ProblemCode"),
                "requestId": {"type": "string", "description": "The ID of the request in the log of the service. \
                    Equals the header `x-request-id`."},
                "errors": {
                    "type": "array", "minItems": 1, "items": reference("schemas", "Violation"),
                    "description": "For a 400: the violations of the parameters or, if there are none, \
                        of the body. At most 100.",
                },
            },
            "additionalProperties": false,
        },
        "ProblemCode": {
            "type": "string", "enum": codes, "description": "The kind of error, for programs. Codes are stable.",
        },
        "Violation": {
            "description": "One violation in a request.",
            "oneOf": [reference("schemas", "BodyViolation"), reference("schemas", "ParameterViolation")],
        },
        "BodyViolation": violation("pointer", "A violation in the body.", &json!({
            "type": "string", "format": "json-pointer", "description": "JSON Pointer into the body (RFC 6901).",
            "examples": ["/customFilterCriteria/0/value"],
        })),
        "ParameterViolation": violation("parameter", "A violation in a parameter of the path, the query or a header.", &json!({
            "type": "string", "description": "The name of the parameter.", "examples": ["limit"],
        })),
        "ViolationCode": {
            "type": "string", "enum": violation_codes, "description": "The kind of violation. Codes are stable.",
        },
        "Liveness": {
            "type": "object", "description": "The process works.", "required": ["status"],
            "properties": {"status": {"type": "string", "const": "live"}},
        },
        "Readiness": {
            "type": "object", "description": "The readiness of the service.", "required": ["status", "checks"],
            "properties": {
                "status": {"type": "string", "enum": ["ready", "not ready"]},
                "checks": {
                    "type": "object", "required": ["database", "keys"],
                    "properties": {"database": check("The database."), "keys": check("The keys that verify tokens."),
                        "service": {
                            "type": "string", "enum": ["stopping"], "description": "Present during the shutdown.",
                        }},
                },
            },
        },
    });
    match schemas {
        Value::Object(schemas) => schemas,
        _ => Map::new(),
    }
}

fn violation(location: &str, description: &str, schema: &Value) -> Value {
    json!({
        "type": "object", "description": description, "required": [location, "code", "detail"],
        "properties": {
            location: schema,
            "code": reference("schemas", "ViolationCode"),
            "detail": {"type": "string", "description": "The violation and its remedy, for people."},
        },
        "additionalProperties": false,
    })
}

fn check(description: &str) -> Value {
    json!({"type": "string", "enum": ["ok", "stale", "unavailable"], "description": description})
}

fn responses() -> Map<String, Value> {
    ALL_KINDS.iter().map(|kind| (kind.component.to_owned(), response(kind))).collect()
}

fn response(kind: &ErrorKind) -> Value {
    let ErrorKind { status, code, description, .. } = *kind;
    let example = json!({
        "type": "about:blank", "title": title(status), "status": status, "detail": description, "code": code,
        "requestId": "3d511764-c5b6-475a-b7ee-c11850e0bda6",
    });
    let mut headers = json!({"x-request-id": reference("headers", "RequestId")});
    if let Some(name) = match status {
        401 => Some("WWW-Authenticate"),
        405 => Some("Allow"),
        429 | 503 => Some("Retry-After"),
        _ => None,
    } && let Value::Object(headers) = &mut headers
    {
        headers.insert(name.to_owned(), reference("headers", &name.replace('-', "")));
    }
    json!({
        "description": description,
        "headers": headers,
        "content": {"application/problem+json": {"schema": reference("schemas", "Problem"), "example": example}},
    })
}

fn title(status: u16) -> &'static str {
    actix_web::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default()
}

fn parameters() -> Value {
    json!({
        "Id": {
            "name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"},
            "description": "The ID of the ICP.", "example": "550e8400-e29b-41d4-a716-446655440000",
        },
        "UserId": {
            "name": "userId", "in": "path", "required": true,
            "schema": {"type": "string", "minLength": 1, "maxLength": limits::USER_ID},
            "description": "The Clerk ID of the user.", "example": "user_2abc",
        },
        "Revision": {
            "name": "revision", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1},
            "description": "The `revision` of an entry in the history.", "example": "1795490684102427",
        },
        "IfMatch": {
            "name": "If-Match", "in": "header", "schema": {"type": "string"}, "example": "\"1795490684102427\"",
            "description": "One or several `ETag`s, or `*`. The request succeeds only if one of the tags is current; \
                otherwise the response is 412. (RFC 9110)",
        },
        "IfNoneMatch": {
            "name": "If-None-Match", "in": "header", "schema": {"type": "string"}, "example": "\"1795490684102427\"",
            "description": "One or several `ETag`s, or `*`. If one of the tags is current, the response to GET and \
                HEAD is 304 without a body, and the response to other methods is 412. (RFC 9110)",
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key", "in": "header",
            "schema": {"type": "string", "pattern": IDEMPOTENCY_KEY_PATTERN},
            "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
            "description": "Makes a create or a copy safe to repeat. Within 24 hours, the same key with the same \
                body, byte for byte, returns the first response. 1 to 255 visible ASCII characters, with or without \
                quotes. \
                (draft-ietf-httpapi-idempotency-key-header)",
        },
    })
}

fn headers() -> Value {
    let optional = |description: &str, example: &str| json!({"description": description, "schema": {"type": "string"}, "example": example});
    let header = |description: &str, example: &str| json!({"description": description, "required": true, "schema": {"type": "string"}, "example": example});
    json!({
        "ETag": header("The version, for `If-None-Match` and `If-Match`.", "\"1795490684102427\""),
        "OptionalETag": optional("The version, if the ICP was stored.", "\"1795490684102427\""),
        "IdempotencyReplayed": optional("`true` if an earlier request with the same key created the ICP.", "true"),
        "Location": header("The URL of the ICP.", "/api/v1/entities/icps/550e8400-e29b-41d4-a716-446655440000"),
        "RequestId": header("The ID of the request in the log of the service: the ID that the client sent, or a new ID.",
            "3d511764-c5b6-475a-b7ee-c11850e0bda6"),
        "WWWAuthenticate": header("How to authenticate. (RFC 6750)", "Bearer"),
        "RetryAfter": header("The number of seconds to wait before the next try. (RFC 9110)", "1"),
        "Allow": header("The methods of the resource.", "GET, HEAD, OPTIONS"),
        "Link": optional("The next page, if there is one. (RFC 8288)",
            "</api/v1/entities/icps?limit=100&cursor=AbP2>; rel=\"next\""),
    })
}
