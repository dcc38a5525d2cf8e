//! The table of all kinds of errors. Responses, their descriptions in OpenAPI and the list of codes derive from it.

/// A kind of error, which clients can distinguish.
#[derive(Debug)]
pub(crate) struct ErrorKind {
    pub(crate) status: u16,
    /// The `code` of the problem document. It never changes, because clients branch on it.
    pub(crate) code: &'static str,
    /// The name of the response in the OpenAPI document.
    pub(crate) component: &'static str,
    /// The description in the OpenAPI document, and the `detail` of its example.
    pub(crate) description: &'static str,
}

const fn kind(
    status: u16,
    code: &'static str,
    component: &'static str,
    description: &'static str,
) -> ErrorKind {
    ErrorKind { status, code, component, description }
}

pub(crate) static BAD_REQUEST: ErrorKind = kind(
    400,
    "BAD_REQUEST",
    "BadRequest",
    "The request is invalid. `errors` lists the violations in the body or in parameters, at most 100.",
);
pub(crate) static UNAUTHORIZED: ErrorKind =
    kind(401, "UNAUTHORIZED", "Unauthorized", "The request has no valid session token.");
pub(crate) static FORBIDDEN: ErrorKind = kind(
    403,
    "FORBIDDEN",
    "Forbidden",
    "The caller has no access to the ICP or may not remove its last user, or the creator of the ICP has used up a \
     storage quota.",
);
pub(crate) static NOT_FOUND: ErrorKind = kind(
    404,
    "NOT_FOUND",
    "NotFound",
    "No ICP has this ID, the ICP has no such revision, or the history is off.",
);
pub(crate) static METHOD_NOT_ALLOWED: ErrorKind = kind(
    405,
    "METHOD_NOT_ALLOWED",
    "MethodNotAllowed",
    "The resource does not have this method. `Allow` lists its methods.",
);
pub(crate) static CONFLICT: ErrorKind = kind(
    409,
    "CONFLICT",
    "Conflict",
    "Another request is in progress with the same `Idempotency-Key`, or other requests keep changing the ICP. This \
     request changed nothing; try again later.",
);
pub(crate) static PRECONDITION_FAILED: ErrorKind = kind(
    412,
    "PRECONDITION_FAILED",
    "PreconditionFailed",
    "`If-Match` or the `updatedAt` in the body does not name the current version, or `If-None-Match` names it. Nothing \
     was changed.",
);
pub(crate) static PAYLOAD_TOO_LARGE: ErrorKind =
    kind(413, "PAYLOAD_TOO_LARGE", "PayloadTooLarge", "The body is longer than 1 MiB.");
pub(crate) static UNSUPPORTED_MEDIA_TYPE: ErrorKind = kind(
    415,
    "UNSUPPORTED_MEDIA_TYPE",
    "UnsupportedMediaType",
    "The `Content-Type` is not JSON in UTF-8, or the body is compressed.",
);
pub(crate) static KEY_REUSED: ErrorKind = kind(
    422,
    "IDEMPOTENCY_KEY_REUSED",
    "KeyReused",
    "The user has sent this `Idempotency-Key` with another request.",
);
pub(crate) static TOO_MANY_REQUESTS: ErrorKind = kind(
    429,
    "TOO_MANY_REQUESTS",
    "TooManyRequests",
    "The user has sent too many requests in this minute. Nothing was changed; try again after `Retry-After`.",
);
pub(crate) static INTERNAL_ERROR: ErrorKind =
    kind(500, "INTERNAL_ERROR", "Internal", "An unexpected server error. A write may have been stored.");
pub(crate) static SERVICE_UNAVAILABLE: ErrorKind = kind(
    503,
    "SERVICE_UNAVAILABLE",
    "Unavailable",
    "The service is overloaded. Nothing was changed; try again after `Retry-After`.",
);

pub(crate) static ALL_KINDS: [&ErrorKind; 13] = [
    &BAD_REQUEST,
    &UNAUTHORIZED,
    &FORBIDDEN,
    &NOT_FOUND,
    &METHOD_NOT_ALLOWED,
    &CONFLICT,
    &PRECONDITION_FAILED,
    &PAYLOAD_TOO_LARGE,
    &UNSUPPORTED_MEDIA_TYPE,
    &KEY_REUSED,
    &TOO_MANY_REQUESTS,
    &INTERNAL_ERROR,
    &SERVICE_UNAVAILABLE,
];
