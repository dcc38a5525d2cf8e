use icp_domain::{Caller, IcpId};
use icp_ports::Version;
use tokio::time::{Instant, sleep};

use super::{IcpService, Known, PATIENCE, Refusal, TRY_AGAIN, found};

impl IcpService {
    /// Deletes an ICP for good, at whatever version it is, or at those alone that are named.
    pub(crate) async fn delete(
        &self,
        caller: &Caller,
        id: IcpId,
        only: Option<&Known<Version>>,
    ) -> Result<(), Refusal> {
        let _writing = self.writing(caller);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let version = found(self.repository.version(id, &caller.access_scope()).await?)?;
            if only.is_some_and(|only| !only.contains(&version)) {
                return Err(Refusal::OtherVersion);
            }
            // Access was looked up with this version, and so holds when it is this version that goes.
            if self.repository.delete(id, version).await? {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Refusal::Contended);
            }
            sleep(TRY_AGAIN).await;
        }
    }
}
