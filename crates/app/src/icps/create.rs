use std::time::Duration;

use icp_domain::{Caller, IcpDocument, NewIcp};
use icp_ports::{Creation, IdempotencyKey, StoredIcp};
use tokio::time::{Instant, sleep};

use super::{IcpService, PATIENCE, Refusal};

/// How often a request looks whether the one before it with the same key is through.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

impl IcpService {
    /// Creates an ICP, whose creator is among its users.
    pub(crate) async fn create(&self, caller: &Caller, new: NewIcp) -> Result<StoredIcp, Refusal> {
        let document = self.document(caller, new)?;
        let _writing = self.writing(caller);
        match self.repository.insert(&document, None).await? {
            Creation::Created(version) => {
                Ok(StoredIcp { id: document.id(), version, json: document.into_json() })
            }
            other => Err(Refusal::Internal(format!("a create without a key ended as {other:?}").into())),
        }
    }

    /// The same, unless it was done before with the same key: then what came of it is given again.
    pub(crate) async fn create_once(
        &self,
        caller: &Caller,
        new: NewIcp,
        key: &IdempotencyKey,
    ) -> Result<StoredIcp, Refusal> {
        let document = self.document(caller, new)?;
        let _writing = self.writing(caller);
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.repository.insert(&document, Some(key)).await? {
                Creation::Created(version) => {
                    return Ok(StoredIcp { id: document.id(), version, json: document.into_json() });
                }
                Creation::Repeated(first) => return Ok(first),
                Creation::KeyReused => return Err(Refusal::KeyReused),
                Creation::InProgress if Instant::now() >= deadline => return Err(Refusal::KeyInUse),
                Creation::InProgress => sleep(LOOK_AGAIN).await,
            }
        }
    }

    /// Whether an ICP could be created, without creating it.
    pub(crate) fn check(&self, caller: &Caller, new: NewIcp) -> Result<(), Refusal> {
        self.document(caller, new).map(drop)
    }

    /// Removes the keys that count no longer.
    pub(crate) async fn remove_expired_keys(&self) -> Result<u64, Refusal> {
        let mut removed = 0;
        loop {
            match self.repository.remove_expired_keys(self.clock.now()).await? {
                0 => return Ok(removed),
                some => removed += some,
            }
        }
    }

    fn document(&self, caller: &Caller, new: NewIcp) -> Result<IcpDocument, Refusal> {
        let icp = new.create((self.new_id)(), caller.user_id(), self.clock.now())?;
        Ok(icp.into())
    }
}
