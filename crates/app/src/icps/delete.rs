use icp_domain::{Caller, IcpId};
use icp_ports::Version;

use super::contention::Contention;
use super::{IcpService, Known, Refusal, found};

impl IcpService {
    /// Deletes an ICP for good, at whatever version it is, or at those alone that are named.
    pub(crate) async fn delete(
        &self,
        caller: &Caller,
        id: IcpId,
        only: Option<&Known<Version>>,
    ) -> Result<(), Refusal> {
        let _writing = self.writing(caller);
        let mut contention = Contention::new();
        loop {
            let version = found(self.repository.get(id, &caller.access_scope()).await?)?.version;
            if only.is_some_and(|only| !only.contains(&version)) {
                return Err(Refusal::OtherVersion);
            }
            // Access was looked up with this version, and so holds when it is this version that goes.
            if self.repository.delete(id, version).await? {
                return Ok(());
            }
            contention.wait().await?;
        }
    }
}
