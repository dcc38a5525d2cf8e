use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;

use icp_application::{HistoryRequest, ListRequest, Preconditions, RequestKey, VersionMatch, parse_for};
use icp_domain::{IcpId, UserId, ViolationCode, limits};
use icp_ports::Version;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::Call;
use crate::http::error::{ApiError, ParameterViolation};
use crate::http::etag::EntityTag as _;
use crate::http::extract::parameters::{Parameter, parse};
use crate::http::extract::{HISTORY_PARAMETERS, LIST_PARAMETERS, invalid_key, parse_id};

/// Maximum length of the arguments of a list or a history, in bytes. They are parsed into a tree of values.
const MAX_LIST_ARGUMENT_BYTES: usize = 16 * 1024;
/// Maximum length of the text of an error in characters. The text may quote the arguments.
const MAX_DETAIL_CHARS: usize = 300;

/// The number of ICPs in a page when the call has no limit.
pub(super) const DEFAULT_LIMIT: NonZeroUsize = NonZeroUsize::new(50).unwrap();

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    params: Parameters<'a>,
}

#[derive(Deserialize)]
struct Parameters<'a> {
    /// A client that calls a tool without arguments sends `null`, or omits the field.
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

/// Takes the arguments out of a message that calls a tool. Returns the message with `{}` instead of the arguments, and
/// the arguments exactly as they were sent. Returns `None` if the message has no arguments. The SDK parses every
/// message into a tree, which takes a hundred times the memory of the text.
pub(super) fn take_arguments(message: &str) -> Option<(Arc<str>, Arc<str>)> {
    let parsed: Message<'_> = serde_json::from_str(message).ok()?;
    let arguments = parsed.params.arguments?.get();
    let start = arguments.as_ptr().addr().checked_sub(message.as_ptr().addr())?;
    let (before, after) = (message.get(..start)?, message.get(start + arguments.len()..)?);
    Some(([before, "{}", after].concat().into(), arguments.into()))
}

/// The ID of an ICP.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Id(String);

impl Id {
    pub(super) fn parse(&self) -> Result<IcpId, ApiError> {
        parse_id(&self.0)
    }
}

/// The version that an ICP must have, or `None` for any version. A text that is not a version matches no ICP.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct IfMatch(Option<String>);

impl IfMatch {
    pub(super) fn preconditions(&self) -> Preconditions<Version> {
        let versions = |version: &String| VersionMatch::OneOf(Version::of_tag(version).into_iter().collect());
        Preconditions { if_match: self.0.as_ref().map(versions), if_none_match: None }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GetArguments {
    pub(super) id: Id,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct DeleteArguments {
    pub(super) id: Id,
    pub(super) if_match: IfMatch,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ShareArguments {
    pub(super) id: Id,
    user_id: String,
    pub(super) if_match: IfMatch,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct CopyArguments {
    pub(super) id: Id,
    name: Option<String>,
    idempotency_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevisionArguments {
    pub(super) id: Id,
    revision: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RestoreArguments {
    pub(super) id: Id,
    revision: String,
    pub(super) if_match: IfMatch,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValidateArguments {
    icp: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct CreateArguments {
    icp: Box<RawValue>,
    idempotency_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct UpdateArguments {
    pub(super) id: Id,
    changes: Box<RawValue>,
    pub(super) if_match: IfMatch,
}

/// Parses the arguments of a call. Parses an empty object if the call has no arguments.
pub(super) async fn read<T: DeserializeOwned + Send + 'static>(call: &Call) -> Result<T, ApiError> {
    let text = call.arguments.clone().unwrap_or_else(|| "{}".into());
    let parsed = parse_for(&call.caller, text, |text| serde_json::from_str(text)).await?;
    parsed.map_err(|error: serde_json::Error| {
        // Omits the line and the column: clients build messages from arguments and do not know their positions.
        let detail = error.to_string();
        let detail = detail
            .split(" at line ")
            .next()
            .unwrap_or_default()
            .chars()
            .take(MAX_DETAIL_CHARS)
            .collect::<String>();
        ParameterViolation::new("arguments", ViolationCode::Malformed, detail).into()
    })
}

impl ShareArguments {
    pub(super) fn user_id(&self) -> Result<UserId, ApiError> {
        let detail = "must be a user ID such as user_2abc";
        let violation = |_| ParameterViolation::new("userId", ViolationCode::InvalidValue, detail).into();
        self.user_id.as_str().try_into().map_err(violation)
    }
}

impl CopyArguments {
    pub(super) fn body(&self) -> Option<Arc<str>> {
        self.name.as_ref().map(|name| json!({"name": name}).to_string().into())
    }

    pub(super) fn key(self) -> Result<Option<RequestKey>, ApiError> {
        request_key(self.idempotency_key)
    }
}

impl RevisionArguments {
    /// Returns the version. A text that is not a revision becomes -1, which is the version of no state.
    pub(super) fn revision(&self) -> Version {
        Version::of_tag(&self.revision).unwrap_or(Version(-1))
    }
}

impl RestoreArguments {
    pub(super) fn body(&self) -> Arc<str> {
        json!({"revision": self.revision}).to_string().into()
    }
}

impl ValidateArguments {
    pub(super) fn icp(&self) -> Result<Arc<str>, ApiError> {
        body(&self.icp)
    }
}

impl CreateArguments {
    pub(super) fn icp(&self) -> Result<Arc<str>, ApiError> {
        body(&self.icp)
    }

    pub(super) fn key(self) -> Result<Option<RequestKey>, ApiError> {
        request_key(self.idempotency_key)
    }
}

fn request_key(key: Option<String>) -> Result<Option<RequestKey>, ApiError> {
    let key = key.map(RequestKey::try_from).transpose();
    key.map_err(|error| invalid_key("idempotencyKey", error))
}

impl UpdateArguments {
    pub(super) fn changes(&self) -> Result<Arc<str>, ApiError> {
        body(&self.changes)
    }
}

/// Returns the text of an argument that corresponds to the body of an HTTP request, and has the same maximum length.
fn body(text: &RawValue) -> Result<Arc<str>, ApiError> {
    if text.get().len() > limits::BODY_BYTES {
        return Err(ApiError::PayloadTooLarge);
    }
    Ok(text.get().into())
}

/// Parses the arguments of `list_icps`: the query parameters of the list. The default of `limit` is [`DEFAULT_LIMIT`].
pub(super) async fn list_request(call: &Call) -> Result<ListRequest, ApiError> {
    let mut request = parameters(LIST_PARAMETERS, &arguments(call).await?)?;
    request.limit = request.limit.or(Some(DEFAULT_LIMIT));
    Ok(request)
}

/// Parses the arguments of `list_deleted_icps`: the query parameters of the deleted ICPs.
pub(super) async fn deleted_request(call: &Call) -> Result<HistoryRequest, ApiError> {
    parameters(HISTORY_PARAMETERS, &arguments(call).await?)
}

/// Parses the arguments of `list_revisions`: the ID of the ICP, and the query parameters of a history.
pub(super) async fn history_request(call: &Call) -> Result<(IcpId, HistoryRequest), ApiError> {
    let mut arguments = arguments(call).await?;
    let id = arguments.remove("id");
    let id = parse_id(id.as_ref().and_then(Value::as_str).unwrap_or_default())?;
    Ok((id, parameters(HISTORY_PARAMETERS, &arguments)?))
}

async fn arguments(call: &Call) -> Result<Map<String, Value>, ApiError> {
    if call.arguments.as_ref().is_some_and(|text| text.len() > MAX_LIST_ARGUMENT_BYTES) {
        let detail = format!("must have at most {MAX_LIST_ARGUMENT_BYTES} bytes");
        return Err(ParameterViolation::new("arguments", ViolationCode::TooLong, detail).into());
    }
    read(call).await
}

fn parameters<T: Default>(
    table: &'static [Parameter<T>],
    arguments: &Map<String, Value>,
) -> Result<T, ApiError> {
    let mut violations = Vec::new();
    let mut pairs = Vec::new();
    for (name, value) in arguments {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => Cow::Borrowed(text.as_str()),
            Value::Bool(_) => value.to_string().into(),
            // The number 10.0 is the integer 10.
            Value::Number(number) => number.to_string().trim_end_matches(".0").to_owned().into(),
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
    parse(table, pairs, true).map(|parsed| parsed.value)
}
