//! The OpenAPI 3.1 document. Schemas, parameters and errors derive from the declarations that the handlers use.

mod components;
mod history;
mod operations;

use serde_json::{Value, json};

const DESCRIPTION: &str = "\
Stores Ideal Customer Profiles (ICPs) and returns the ICPs that the signed-in user may access.

An ICP contains criteria to find sales leads at data providers, to filter them, and to select them in a CRM. The users in its \
`userIds`, and admins, may read, change and delete it. A list contains only the ICPs that name the caller.

**Authentication.** Every request to `/api/v1/entities` has a Clerk session token: `Authorization: Bearer <token>`.

**Errors** are problem documents (RFC 9457) with a stable `code` for programs and a `requestId` for questions to the operator.

**Versions.** Each ICP and each list has a strong `ETag`. With `If-None-Match`, an unchanged ICP or list is a 304 without a \
body. With `If-Match`, a change applies only to the version that the client has read.

**Unknown fields.** ICPs that a newer version wrote may have fields, filter types and values that are not described here. \
Ignore them.";

/// Returns the document.
pub fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "ICP service",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This service"}],
        "tags": [
            {"name": "icps", "description": "Ideal Customer Profiles."},
            {"name": "history", "description": "The earlier states of ICPs, the authors of changes, and deleted ICPs."},
            {"name": "service", "description": "Health and description of the service. Needs no authentication."},
        ],
        "security": [{"session": []}],
        "paths": operations::paths(),
        "components": components::components(),
    })
}

/// Returns the document as the text of a file.
pub fn text() -> String {
    // The document has only string keys, so serialization cannot fail.
    serde_json::to_string_pretty(&document()).unwrap_or_default() + "\n"
}
