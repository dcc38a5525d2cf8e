use std::num::NonZeroUsize;
use std::time::Duration;

use icp_domain::json::Json;
use icp_domain::{Author, Caller, Icp, IcpChange, IcpId, Rules, Timestamp, UserId};
use icp_ports::{
    ForgetPart, ForgetUser, IcpRepository, ListQuery, Lookup, Quota, Replacement, Stamp, StoredIcp,
};
use tokio::time::sleep;

use crate::ServiceError;

/// Maximum number of ICPs per query.
const PAGE: NonZeroUsize = NonZeroUsize::new(100).unwrap();
/// Maximum number of bytes of ICPs per query.
const PAGE_BYTES: NonZeroUsize = NonZeroUsize::new(4 * 1024 * 1024).unwrap();
/// Maximum number of attempts of a change that other writers prevent, and the wait between two attempts.
const ATTEMPTS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(25);

/// Removes a user from the `userIds` of all ICPs and then from the histories. Returns the number of ICPs that named them.
///
/// It works in batches. Each batch is atomic, so an interrupted call can be repeated. `progress` is called with the number of
/// rows of each batch. A user who can still sign in can create new data.
///
/// # Errors
///
/// [`ServiceError::Contended`] if others keep changing an ICP, or a failure of the storage.
pub async fn forget_user(
    repository: &dyn IcpRepository,
    histories: &dyn ForgetUser,
    user_id: &UserId,
    stamp: &Stamp,
    progress: impl Fn(u32) + Send + Sync,
) -> Result<u64, ServiceError> {
    let mut count = 0;
    let mut ids = named(repository, user_id).await?;
    loop {
        while !ids.is_empty() {
            for id in ids {
                remove_access(repository, user_id, id, stamp).await?;
                count += 1;
            }
            ids = named(repository, user_id).await?;
        }
        let mut part = Some(ForgetPart::FIRST);
        while let Some(next) = part {
            part = histories.forget(user_id, next).await?;
            progress(ForgetPart::ROWS);
        }
        // Another user can restore a deleted ICP that names the user before its history is rewritten.
        ids = named(repository, user_id).await?;
        if ids.is_empty() {
            return Ok(count);
        }
    }
}

/// Returns the stamp of the changes of [`forget_user`]: without an author, at a time.
pub fn forgetting(at: Timestamp, keeps_replaced: bool) -> Stamp {
    Stamp { at, author: Author::import(), keeps_replaced }
}

/// Returns some of the ICPs that name a user.
async fn named(repository: &dyn IcpRepository, user_id: &UserId) -> Result<Vec<IcpId>, ServiceError> {
    let everything = ListQuery::everything(Caller::user(user_id.clone()).list_scope());
    let query = ListQuery { limit: Some(PAGE), max_bytes: Some(PAGE_BYTES), ..everything };
    let part = repository.list_part(&query).await?;
    let text = part.icps.to_json();
    let list = Json::parse(&text).map_err(|error| ServiceError::Internal(error.to_string().into()))?;
    let icps = list.elements().map(|icp| Icp::from_json(icp.text(), Rules::Stored));
    let ids = icps.map(|icp| icp.map(|icp| icp.id).map_err(ServiceError::Unreadable));
    ids.collect()
}

async fn remove_access(
    repository: &dyn IcpRepository,
    user_id: &UserId,
    id: IcpId,
    stamp: &Stamp,
) -> Result<(), ServiceError> {
    let scope = Caller::user(user_id.clone()).access_scope();
    for _ in 0..ATTEMPTS {
        let Lookup::Found(StoredIcp { version, json, .. }) = repository.get(id, &scope).await? else {
            return Ok(());
        };
        let before = Icp::from_json(&json, Rules::Stored).map_err(ServiceError::Unreadable)?;
        let Some(after) = before.without_user(user_id) else { return Ok(()) };
        let updated_at = stamp.at.max(before.updated_at.next());
        let change = IcpChange::between(&before, Icp { updated_at, ..after });
        match repository.replace(&change, version, Quota::UNLIMITED, stamp).await? {
            Replacement::Replaced(_) => return Ok(()),
            Replacement::OtherVersion => sleep(PAUSE).await,
            Replacement::QuotaReached => return Err(ServiceError::QuotaReached(Quota::UNLIMITED)),
        }
    }
    Err(ServiceError::Contended)
}
