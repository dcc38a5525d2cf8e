//! What tools are called with.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;

use icp_domain::{FaultCode, IcpId, limits};
use icp_ports::Version;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Call;
use crate::http::etag::Tagged as _;
use crate::http::icps::list_parameters::{ListParameters, NAMES};
use crate::http::icps::parse_id;
use crate::http::json_body::JsonBody;
use crate::http::problem::{ApiError, ParameterFault};
use crate::icps::{Known, ListRequest};

/// How many ICPs an assistant gets at once when it does not say.
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

/// An ICP, by its id.
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

/// Reads arguments; a tool that is called without any is called with none.
pub(super) fn read<'a, T: Deserialize<'a>>(call: &'a Call) -> Result<T, ApiError> {
    let text = call.arguments.as_deref().map_or("{}", RawValue::get);
    serde_json::from_str(text).map_err(|error| {
        // Where in the message it stands is of no use to whoever made the message out of arguments.
        let detail = error.to_string();
        let detail = detail.split(" at line ").next().unwrap_or_default().to_owned();
        ApiError::InvalidParameters(vec![ParameterFault::new("arguments", FaultCode::Malformed, detail)])
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

    pub(super) fn only(&self) -> Option<Known<Version>> {
        self.if_match.as_deref().map(named)
    }
}

impl OfValidate<'_> {
    pub(super) fn icp(&self) -> Result<JsonBody, ApiError> {
        body(self.icp)
    }
}

impl OfCreate<'_> {
    pub(super) fn icp(&self) -> Result<JsonBody, ApiError> {
        body(self.icp)
    }
}

impl OfUpdate<'_> {
    pub(super) fn id(&self) -> Result<IcpId, ApiError> {
        parse_id(&self.id)
    }

    pub(super) fn only(&self) -> Option<Known<Version>> {
        self.if_match.as_deref().map(named)
    }

    pub(super) fn changes(&self) -> Result<JsonBody, ApiError> {
        body(self.changes)
    }
}

/// A version as a tool gave it; one that no tool gave is no ICP's.
fn named(version: &str) -> Known<Version> {
    Known::Of(Version::of_tag(version).into_iter().collect())
}

/// The limit is that of a request's body, which is what this stands for.
fn body(text: &RawValue) -> Result<JsonBody, ApiError> {
    if text.get().len() > limits::BODY_BYTES {
        return Err(ApiError::PayloadTooLarge);
    }
    Ok(text.get().into())
}

/// The list's parameters, which are those of its query; the limit alone has another default.
pub(super) fn list_request(call: &Call) -> Result<ListRequest, ApiError> {
    let arguments: Map<String, Value> = read(call)?;
    let mut faults = Vec::new();
    let mut pairs = Vec::new();
    for (name, value) in &arguments {
        let Some(known) = NAMES.into_iter().find(|known| known == name) else {
            let detail = format!("must be one of {}", NAMES.join(", "));
            faults.push(ParameterFault::new("arguments", FaultCode::UnknownField, detail));
            continue;
        };
        match value {
            Value::Null => {}
            Value::String(text) => pairs.push((Cow::Borrowed(known), Cow::Borrowed(text.as_str()))),
            Value::Bool(_) | Value::Number(_) => pairs.push((known.into(), value.to_string().into())),
            Value::Array(_) | Value::Object(_) => {
                let detail = "must be a text, a number or a truth value";
                faults.push(ParameterFault::new(known, FaultCode::InvalidType, detail));
            }
        }
    }
    if !faults.is_empty() {
        return Err(ApiError::InvalidParameters(faults));
    }
    let mut request = ListParameters::of_pairs(pairs)?.request;
    request.limit = request.limit.or(Some(DEFAULT_LIMIT));
    Ok(request)
}
