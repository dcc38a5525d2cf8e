use icp_domain::{Caller, IcpId};
use icp_ports::{Conditional, StoredIcp, Version};

use super::{IcpService, Known, Refusal, found};

/// What a client gets to see of an ICP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// All of it.
    Icp(StoredIcp),
    /// That it is still at a version which the client knows.
    Unchanged(Version),
}

impl IcpService {
    /// One ICP, unless it is at one of the versions that the client knows: then no document is read.
    pub(crate) async fn get(
        &self,
        caller: &Caller,
        id: IcpId,
        known: Option<&Known<Version>>,
    ) -> Result<Fetched, Refusal> {
        let scope = caller.access_scope();
        let reader = self.reader_for(caller);
        let versions = match known {
            Some(Known::Of(versions)) => versions.as_slice(),
            Some(Known::Any) | None => &[],
        };
        match found(reader.get_if_changed(id, &scope, versions).await?)? {
            Conditional::Unchanged(version) => Ok(Fetched::Unchanged(version)),
            Conditional::Changed(icp) if known == Some(&Known::Any) => Ok(Fetched::Unchanged(icp.version)),
            Conditional::Changed(icp) => Ok(Fetched::Icp(icp)),
        }
    }
}
