//! The arguments of tools.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;

use icp_application::{ListRequest, Preconditions, VersionMatch};
use icp_domain::{IcpId, ViolationCode, limits};
use icp_ports::Version;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Call;
use crate::http::error::{ApiError, ParameterViolation};
use crate::http::etag::EntityTag as _;
use crate::http::extract::parameters::parse;
use crate::http::extract::{LIST_PARAMETERS, parse_id};

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

/// Returns the arguments in a message that calls a tool, exactly as they were sent.
pub(super) fn of_message(message: &str) -> Option<Arc<RawValue>> {
    let message: Message<'_> = serde_json::from_str(message).ok()?;
    Some(message.params.arguments?.to_owned().into())
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
pub(super) struct OfValidate<'a> {
    #[serde(borrow)]
    icp: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct OfCreate<'a> {
    #[serde(borrow)]
    icp: &'a RawValue,
    pub(super) idempotency_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct OfUpdate<'a> {
    id: String,
    #[serde(borrow)]
    changes: &'a RawValue,
    if_match: Option<String>,
}

/// Parses arguments. A call without any has none.
pub(super) fn read<'a, T: Deserialize<'a>>(call: &'a Call) -> Result<T, ApiError> {
    let text = call.arguments.as_deref().map_or("{}", RawValue::get);
    serde_json::from_str(text).map_err(|error| {
        // The position in the message means nothing to a client that builds messages from arguments.
        let detail = error.to_string();
        let detail = detail.split(" at line ").next().unwrap_or_default().to_owned();
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

impl OfValidate<'_> {
    pub(super) fn icp(&self) -> Result<Arc<str>, ApiError> {
        body(self.icp)
    }
}

impl OfCreate<'_> {
    pub(super) fn icp(&self) -> Result<Arc<str>, ApiError> {
        body(self.icp)
    }
}

impl OfUpdate<'_> {
    pub(super) fn id(&self) -> Result<IcpId, ApiError> {
        parse_id(&self.id)
    }

    pub(super) fn preconditions(&self) -> Preconditions<Version> {
        if_match(self.if_match.as_deref())
    }

    pub(super) fn changes(&self) -> Result<Arc<str>, ApiError> {
        body(self.changes)
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
pub(super) fn list_request(call: &Call) -> Result<ListRequest, ApiError> {
    let arguments: Map<String, Value> = read(call)?;
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
        return Err(ApiError::InvalidParameters(violations));
    }
    let mut request = parse(LIST_PARAMETERS, pairs, true)?.value;
    request.limit = request.limit.or(Some(DEFAULT_LIMIT));
    Ok(request)
}
