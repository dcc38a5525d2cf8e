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
const MAX_ICPS_PER_QUERY: NonZeroUsize = NonZeroUsize::new(100).unwrap();
/// Maximum number of bytes of ICPs per query.
const MAX_BYTES_PER_QUERY: NonZeroUsize = NonZeroUsize::new(4 * 1024 * 1024).unwrap();
/// Maximum number of attempts to change an ICP that other writers change at the same time.
const MAX_ATTEMPTS: u32 = 200;
/// The wait between two attempts.
const RETRY_DELAY: Duration = Duration::from_millis(25);

/// Removes a user from the `userIds` of all ICPs, and then from the histories and the idempotency keys. Returns the
/// number of ICPs that were found with the user in `userIds`.
///
/// An interrupted call can be repeated: each removal has no effect on data from which the user has been removed. After
/// each part of the histories, the function calls `progress` with the maximum number of rows of a part. End the sign-in
/// of the user before the call: a user who can still sign in can create new data.
///
/// # Errors
///
/// [`ServiceError::Contended`] if other requests keep changing an ICP, [`ServiceError::Unreadable`] if a stored
/// document is not an ICP, [`ServiceError::Internal`] if a stored list is not JSON, or a failure of the storage. The
/// user may then have been removed from a part of the data.
pub async fn forget_user(
    repository: &dyn IcpRepository,
    histories: &dyn ForgetUser,
    user_id: &UserId,
    stamp: &Stamp,
    progress: impl Fn(u32) + Send + Sync,
) -> Result<u64, ServiceError> {
    let mut count = 0;
    let mut ids = icps_with_user(repository, user_id).await?;
    loop {
        while !ids.is_empty() {
            for id in ids {
                remove_access(repository, user_id, id, stamp).await?;
                count += 1;
            }
            ids = icps_with_user(repository, user_id).await?;
        }
        let mut part = Some(ForgetPart::FIRST);
        while let Some(next) = part {
            part = histories.forget(user_id, next).await?;
            progress(ForgetPart::MAX_ROWS);
        }
        // Before the history was rewritten, another user may have restored a deleted ICP whose `userIds` contain the
        // user to forget.
        ids = icps_with_user(repository, user_id).await?;
        if ids.is_empty() {
            return Ok(count);
        }
    }
}

/// Returns the stamp of the changes that [`forget_user`] makes. Its author is [`Author::import`], which has no user.
pub fn forget_stamp(at: Timestamp, keeps_replaced: bool) -> Stamp {
    Stamp { at, author: Author::import(), keeps_replaced }
}

/// Returns the IDs of the first ICPs whose `userIds` contain a user.
async fn icps_with_user(
    repository: &dyn IcpRepository,
    user_id: &UserId,
) -> Result<Vec<IcpId>, ServiceError> {
    let everything = ListQuery::everything(Caller::user(user_id.clone()).list_scope());
    let query =
        ListQuery { limit: Some(MAX_ICPS_PER_QUERY), max_bytes: Some(MAX_BYTES_PER_QUERY), ..everything };
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
    for _ in 0..MAX_ATTEMPTS {
        let Lookup::Found(StoredIcp { version, json, .. }) = repository.get(id, &scope).await? else {
            return Ok(());
        };
        let before = Icp::from_json(&json, Rules::Stored).map_err(ServiceError::Unreadable)?;
        let Some(after) = before.without_user(user_id) else { return Ok(()) };
        let updated_at = stamp.at.max(before.updated_at.next());
        let change = IcpChange::between(&before, Icp { updated_at, ..after });
        match repository.replace(&change, version, Quota::UNLIMITED, stamp).await? {
            Replacement::Replaced(_) => return Ok(()),
            Replacement::OtherVersion => sleep(RETRY_DELAY).await,
            Replacement::QuotaReached => return Err(ServiceError::QuotaReached(Quota::UNLIMITED)),
        }
    }
    Err(ServiceError::Contended)
}
