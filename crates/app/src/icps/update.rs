use std::sync::Arc;

use icp_domain::{Caller, Icp, IcpChange, IcpId, IcpPatch, Rules, Timestamp};
use icp_ports::{StoredIcp, Version};

use super::contention::Contention;
use super::{IcpService, Known, Refusal, found};
use crate::offload;

impl IcpService {
    /// Changes an ICP as it stands at this moment, and gives it as it stands then. A patch that changes nothing leaves it as
    /// it is.
    ///
    /// Somebody who comes in between is no reason to fail: the patch is made anew on what they left, so that both
    /// changes are kept. Whoever wants to change what they have read, and nothing else, names its version.
    pub(crate) async fn update(
        &self,
        caller: &Caller,
        id: IcpId,
        patch: IcpPatch,
        only: Option<&Known<Version>>,
    ) -> Result<StoredIcp, Refusal> {
        let patch = Arc::new(patch);
        let _writing = self.writing(caller);
        let mut contention = Contention::new();
        loop {
            let stored = found(self.repository.get(id, &caller.access_scope()).await?)?;
            if only.is_some_and(|only| !only.contains(&stored.version)) {
                return Err(Refusal::OtherVersion);
            }
            let stored = Arc::new(stored);
            let revision = {
                let (patch, stored, caller) = (Arc::clone(&patch), Arc::clone(&stored), caller.clone());
                let now = self.clock.now();
                offload::for_text(stored.json.len(), move || revise(&stored, &patch, &caller, now)).await
            };
            let Some(change) = revision.map_err(Refusal::Internal)?? else {
                return Ok(Arc::unwrap_or_clone(stored));
            };
            if let Some(version) = self.repository.replace(&change, stored.version).await? {
                return Ok(StoredIcp { id, version, json: change.into_document().into_json() });
            }
            contention.wait().await?;
        }
    }
}

/// What a patch makes of what is stored; `None` when that is nothing new.
fn revise(
    stored: &StoredIcp,
    patch: &IcpPatch,
    caller: &Caller,
    now: Timestamp,
) -> Result<Option<IcpChange>, Refusal> {
    let before = Icp::from_json(&stored.json, Rules::Stored).map_err(Refusal::Unreadable)?;
    let after = patch.apply(&before, caller, now)?;
    Ok(after.map(|after| IcpChange::between(&before, after)))
}
