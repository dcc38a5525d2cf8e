//! The arguments of tools.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;

use icp_application::{ListRequest, Preconditions, VersionMatch, parse_for};
use icp_domain::{IcpId, ViolationCode, limits};
use icp_ports::Version;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Call;
use crate::http::error::{ApiError, ParameterViolation};
use crate::http::etag::EntityTag as _;
use crate::http::extract::parameters::parse;
use crate::http::extract::{LIST_PARAMETERS, parse_id};

/// The largest arguments of the list, in bytes. They become a tree of values.
const LIST_BYTES: usize = 16 * 1024;
/// The largest number of characters of an error that may quote the arguments.
const MAX_DETAIL: usize = 300;

/// The number of ICPs in a page when the call has no limit.
pub(super) const DEFAULT_LIMIT: NonZeroUsize = NonZeroUsize::new(50).unwrap();

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    params: Parameters<'a>,
}

#[derive(Deserialize)]
struct Parameters<'a> {
    /// Clients send `null`, or nothing, for none.
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

/// Takes the arguments out of a message that calls a tool, exactly as they were sent. Returns the rest of the message, with `{}`
/// in their place, and the arguments. The SDK makes trees of all that it reads, which take a hundred times the memory of the text.
pub(super) fn take(message: &str) -> Option<(Arc<str>, Arc<str>)> {
    let parsed: Message<'_> = serde_json::from_str(message).ok()?;
    let arguments = parsed.params.arguments?.get();
    let start = arguments.as_ptr().addr().checked_sub(message.as_ptr().addr())?;
    let (before, after) = (message.get(..start)?, message.get(start + arguments.len()..)?);
    Some(([before, "{}", after].concat().into(), arguments.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfOne {
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct OfDelete {
    id: String,
    if_match: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfValidate {
    icp: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct OfCreate {
    icp: Box<RawValue>,
    pub(super) idempotency_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct OfUpdate {
    id: String,
    changes: Box<RawValue>,
    if_match: Option<String>,
}

/// Parses arguments. A call without any has none.
pub(super) async fn read<T: DeserializeOwned + Send + 'static>(call: &Call) -> Result<T, ApiError> {
    let text = call.arguments.clone().unwrap_or_else(|| "{}".into());
    let parsed = parse_for(&call.caller, text, |text| serde_json::from_str(text)).await?;
    parsed.map_err(|error: serde_json::Error| {
        // The position in the message means nothing to a client that builds messages from arguments.
        let detail = error.to_string();
        let detail =
            detail.split(" at line ").next().unwrap_or_default().chars().take(MAX_DETAIL).collect::<String>();
        ParameterViolation::new("arguments", ViolationCode::Malformed, detail).into()
    })
}

impl OfOne {
    pub(super) fn id(&self) -> Result<IcpId, ApiError> {
        parse_id(&self.id)
    }
}

impl OfDelete {
    pub(super) fn id(&self) -> Result<IcpId, ApiError> {
        parse_id(&self.id)
    }

    pub(super) fn preconditions(&self) -> Preconditions<Version> {
        if_match(self.if_match.as_deref())
    }
}

impl OfValidate {
    pub(super) fn icp(&self) -> Result<Arc<str>, ApiError> {
        body(&self.icp)
    }
}

impl OfCreate {
    pub(super) fn icp(&self) -> Result<Arc<str>, ApiError> {
        body(&self.icp)
    }
}

impl OfUpdate {
    pub(super) fn id(&self) -> Result<IcpId, ApiError> {
        parse_id(&self.id)
    }

    pub(super) fn preconditions(&self) -> Preconditions<Version> {
        if_match(self.if_match.as_deref())
    }

    pub(super) fn changes(&self) -> Result<Arc<str>, ApiError> {
        body(&self.changes)
    }
}

/// A version that no tool returned matches no ICP.
fn if_match(version: Option<&str>) -> Preconditions<Version> {
    let versions = version.map(|version| VersionMatch::OneOf(Version::of_tag(version).into_iter().collect()));
    Preconditions { if_match: versions, if_none_match: None }
}

/// The limit is that of a request body, which the argument stands for.
fn body(text: &RawValue) -> Result<Arc<str>, ApiError> {
    if text.get().len() > limits::BODY_BYTES {
        return Err(ApiError::PayloadTooLarge);
    }
    Ok(text.get().into())
}

/// The arguments of the list are its query parameters. The limit has a default.
pub(super) async fn list_request(call: &Call) -> Result<ListRequest, ApiError> {
    if call.arguments.as_ref().is_some_and(|text| text.len() > LIST_BYTES) {
        let detail = format!("must have at most {LIST_BYTES} bytes");
        return Err(ParameterViolation::new("arguments", ViolationCode::TooLong, detail).into());
    }
    let arguments: Map<String, Value> = read(call).await?;
    let mut violations = Vec::new();
    let mut pairs = Vec::new();
    for (name, value) in &arguments {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => Cow::Borrowed(text.as_str()),
            Value::Bool(_) | Value::Number(_) => value.to_string().into(),
            Value::Array(_) | Value::Object(_) => {
                let detail = "must be a string, a number or a boolean";
                violations.push(ParameterViolation::new(name.clone(), ViolationCode::InvalidType, detail));
                continue;
            }
        };
        pairs.push((Some(name.into()), Some(text)));
    }
    if !violations.is_empty() {
        violations.truncate(limits::VIOLATIONS);
        return Err(ApiError::InvalidParameters(violations));
    }
    let mut request = parse(LIST_PARAMETERS, pairs, true)?.value;
    request.limit = request.limit.or(Some(DEFAULT_LIMIT));
    Ok(request)
}
