//! What the tools do: the use cases, and their outcomes as texts.
//!
//! An ICP stands in them as it is stored. Structured content would go through a parsed value, which cannot hold every
//! number that JSON can.

use icp_domain::{IcpPatch, NewIcp};
use icp_ports::{IdempotencyKey, StoredIcp};

use super::Call;
use super::arguments::{self, OfCreate, OfDelete, OfOne, OfUpdate, OfValidate};
use crate::http::etag::Tagged as _;
use crate::http::idempotency_key;
use crate::http::problem::{ApiError, ParameterFault};
use crate::icps::{Fetched, IcpService, Listed};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToolName {
    List,
    Get,
    Create,
    Update,
    Delete,
    Validate,
}

impl ToolName {
    pub(super) const ALL: [Self; 6] =
        [Self::List, Self::Get, Self::Create, Self::Update, Self::Delete, Self::Validate];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::List => "list_icps",
            Self::Get => "get_icp",
            Self::Create => "create_icp",
            Self::Update => "update_icp",
            Self::Delete => "delete_icp",
            Self::Validate => "validate_icp",
        }
    }
}

pub(super) fn find(name: &str) -> Option<ToolName> {
    ToolName::ALL.into_iter().find(|tool| tool.as_str() == name)
}

pub(super) async fn run(tool: ToolName, icps: &IcpService, call: &Call) -> Result<String, ApiError> {
    match tool {
        ToolName::List => list(icps, call).await,
        ToolName::Get => get(icps, call).await,
        ToolName::Create => create(icps, call).await,
        ToolName::Update => update(icps, call).await,
        ToolName::Delete => delete(icps, call).await,
        ToolName::Validate => validate(icps, call).await,
    }
}

async fn list(icps: &IcpService, call: &Call) -> Result<String, ApiError> {
    let request = arguments::list_request(call)?;
    match icps.list(&call.caller, &request, None).await? {
        Listed::Icps { icps, cursor: None, .. } => Ok(format!(r#"{{"icps":{}}}"#, icps.to_json())),
        Listed::Icps { icps, cursor: Some(cursor), .. } => {
            Ok(format!(r#"{{"icps":{},"nextCursor":"{cursor}"}}"#, icps.to_json()))
        }
        Listed::Parts { .. } => Err(ApiError::Internal("a page came in parts".into())),
        Listed::Unchanged(_) => Err(ApiError::Internal("nothing was known, and yet unchanged".into())),
    }
}

async fn get(icps: &IcpService, call: &Call) -> Result<String, ApiError> {
    let id = arguments::read::<OfOne>(call)?.id()?;
    match icps.get(&call.caller, id, None).await? {
        Fetched::Icp(icp) => Ok(described(&icp)),
        Fetched::Unchanged(_) => Err(ApiError::Internal("nothing was known, and yet unchanged".into())),
    }
}

async fn create(icps: &IcpService, call: &Call) -> Result<String, ApiError> {
    let given: OfCreate<'_> = arguments::read(call)?;
    let body = given.icp()?;
    let new = body.parse(NewIcp::from_json).await?;
    let icp = match given.idempotency_key {
        None => icps.create(&call.caller, new).await?,
        Some(key) if idempotency_key::is_fit(&key) => {
            let user_id = call.caller.user_id().clone();
            let key = IdempotencyKey { user_id, key, fingerprint: body.digest() };
            icps.create_once(&call.caller, new, &key).await?
        }
        Some(_) => {
            let detail = "must have from 1 to 255 visible ASCII characters";
            return Err(ParameterFault::alone("idempotencyKey", detail));
        }
    };
    Ok(described(&icp))
}

async fn update(icps: &IcpService, call: &Call) -> Result<String, ApiError> {
    let given: OfUpdate<'_> = arguments::read(call)?;
    let by = call.caller.clone();
    let patch = given.changes()?.parse(move |text| IcpPatch::from_json(text, &by)).await?;
    Ok(described(&icps.update(&call.caller, given.id()?, patch, given.only().as_ref()).await?))
}

async fn delete(icps: &IcpService, call: &Call) -> Result<String, ApiError> {
    let given: OfDelete = arguments::read(call)?;
    icps.delete(&call.caller, given.id()?, given.only().as_ref()).await?;
    Ok(r#"{"deleted":true}"#.to_owned())
}

async fn validate(icps: &IcpService, call: &Call) -> Result<String, ApiError> {
    let given: OfValidate<'_> = arguments::read(call)?;
    let new = given.icp()?.parse(NewIcp::from_json).await?;
    icps.check(&call.caller, new)?;
    Ok(r#"{"valid":true}"#.to_owned())
}

/// An ICP with the version that a change or a deletion may name.
fn described(icp: &StoredIcp) -> String {
    format!(r#"{{"version":"{}","icp":{}}}"#, icp.version.tag(), icp.json)
}

#[cfg(test)]
mod tests {
    use super::super::tools;
    use super::{ToolName, find};

    #[test]
    fn every_tool_is_described_and_every_description_is_of_a_tool() {
        let described: Vec<_> = tools::all().iter().map(|tool| tool.name.to_string()).collect();
        assert_eq!(described, ToolName::ALL.map(ToolName::as_str));
        assert_eq!(find("drop_table"), None);
    }
}
