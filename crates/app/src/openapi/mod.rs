//! The API's description: OpenAPI 3.1, made of what the code goes by.

mod components;
mod operations;

use serde_json::{Value, json};

const ABOUT: &str = "\
Answers which Ideal Customer Profiles (ICPs) a signed-in user may see, and lets them create, change and delete theirs.

An ICP holds the criteria by which sales leads are found, filtered and drawn from a CRM. Whoever stands in its `userIds` may \
read, change and delete it, and so may admins; a list holds only the ICPs that name its caller.

**Signing in.** Every request to `/api/v1/entities` carries a Clerk session token: `Authorization: Bearer <token>`.

**Errors** are problem documents (RFC 9457) with a stable `code` to branch on and a `requestId` to quote.

**Versions.** Each ICP and each list has a strong `ETag`. `If-None-Match` makes a request cheap where nothing has changed, \
`If-Match` keeps a change from overwriting what its author has not seen.

**Reading is lenient.** A record that a newer version wrote may hold members, filter types and names that are not described \
here. Ignore what you do not know.";

/// The document.
pub fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "ICP service",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This service"}],
        "tags": [
            {"name": "icps", "description": "Ideal Customer Profiles."},
            {"name": "service", "description": "The service itself. No sign-in is needed."},
        ],
        "security": [{"session": []}],
        "paths": operations::paths(),
        "components": components::components(),
    })
}

/// The document as a file: indented, with a line break at its end.
pub fn text() -> String {
    // Its names are strings: it is never refused.
    serde_json::to_string_pretty(&document()).unwrap_or_default() + "\n"
}
