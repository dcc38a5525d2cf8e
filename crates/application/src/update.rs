use std::sync::Arc;

use icp_domain::{Caller, Icp, IcpChange, IcpId, IcpPatch, PatchError, Rules, Timestamp, UserId};
use icp_ports::{Replacement, StoredIcp, Version};

use crate::cpu::{CPU_THREADS, MAX_INLINE_TEXT_BYTES};
use crate::service::{found_in_scope, parse_for};
use crate::{IcpService, Limits, Preconditions, ServiceError};

/// A change of an ICP that a caller requests.
pub(crate) enum Edit {
    /// Merges a patch. The text is the body of the patch.
    Patch(Box<IcpPatch>, Arc<str>),
    /// Grants a user access, or revokes it.
    SetAccess(UserId, Access),
    /// Restores an earlier state. The text is the document of this state.
    Restore(Arc<str>),
}

/// The access to an ICP that a request grants to a user or revokes from a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The user is in `userIds`.
    Granted,
    /// The user is not in `userIds`.
    Revoked,
}

impl IcpService {
    /// Merges the patch in a request body into an ICP, and returns the ICP. A patch without effect does not change the
    /// version.
    ///
    /// If another request changes the ICP at the same time, the patch is applied to the newer state, so that both
    /// changes persist. A client that must not overwrite a newer state names the version in a precondition.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`], [`ServiceError::Forbidden`], [`ServiceError::Invalid`],
    /// [`ServiceError::PreconditionFailed`], [`ServiceError::QuotaReached`], [`ServiceError::Contended`],
    /// [`ServiceError::Overloaded`], [`ServiceError::Unreadable`], [`ServiceError::Internal`], or a failure of the
    /// storage.
    pub async fn update(
        &self,
        caller: &Caller,
        id: IcpId,
        body: Arc<str>,
        preconditions: &Preconditions<Version>,
    ) -> Result<StoredIcp, ServiceError> {
        self.edit(caller, id, self.parse_patch(caller, id, body).await?, preconditions).await
    }

    /// Grants a user access to an ICP or revokes it, and returns the ICP. If the user already has the requested access,
    /// nothing changes. A user of the ICP may also revoke their own access.
    ///
    /// # Errors
    ///
    /// The errors of [`IcpService::update`], and [`ServiceError::LastUser`].
    pub async fn set_access(
        &self,
        caller: &Caller,
        id: IcpId,
        user_id: UserId,
        access: Access,
        preconditions: &Preconditions<Version>,
    ) -> Result<StoredIcp, ServiceError> {
        self.edit(caller, id, Edit::SetAccess(user_id, access), preconditions).await
    }

    /// Returns the JSON that [`IcpService::update`] would store, and stores nothing.
    ///
    /// # Errors
    ///
    /// The errors of [`IcpService::update`], except `QuotaReached` and `Contended`, which only a write detects.
    pub async fn preview_update(
        &self,
        caller: &Caller,
        id: IcpId,
        body: Arc<str>,
        preconditions: &Preconditions<Version>,
    ) -> Result<String, ServiceError> {
        let edit = Arc::new(self.parse_patch(caller, id, body).await?);
        let stored = self.read_from_primary(caller, id, preconditions).await?;
        Ok(match self.revise(caller, &stored, &edit, self.clock.now()).await? {
            Some(change) => change.into_document().into_json(),
            None => Arc::unwrap_or_clone(stored).json,
        })
    }

    /// Deletes an ICP.
    ///
    /// # Errors
    ///
    /// [`ServiceError::NotFound`], [`ServiceError::Forbidden`], [`ServiceError::PreconditionFailed`],
    /// [`ServiceError::Contended`], or a failure of the storage.
    pub async fn delete(
        &self,
        caller: &Caller,
        id: IcpId,
        preconditions: &Preconditions<Version>,
    ) -> Result<(), ServiceError> {
        let _guard = self.begin_write(caller);
        let mut permit = self.change_permits.acquire(id).await?;
        loop {
            // The access was checked at this version. The delete fails if the ICP is at another version.
            let version = self.read_from_primary(caller, id, preconditions).await?.version;
            if self.repository.delete(id, version, &self.stamp(caller)).await? {
                return Ok(());
            }
            permit.back_off().await?;
        }
    }

    /// Makes a change, and returns the ICP. Tries again if another request changed the ICP first. A restore also
    /// applies to a deleted ICP.
    pub(crate) async fn edit(
        &self,
        caller: &Caller,
        id: IcpId,
        edit: Edit,
        preconditions: &Preconditions<Version>,
    ) -> Result<StoredIcp, ServiceError> {
        let edit = Arc::new(edit);
        let _guard = self.begin_write(caller);
        let mut permit = self.change_permits.acquire(id).await?;
        loop {
            let done = match (self.read_from_primary(caller, id, preconditions).await, &*edit) {
                (Err(ServiceError::NotFound), Edit::Restore(earlier)) => {
                    self.try_undelete(caller, id, earlier, preconditions).await?
                }
                (stored, _) => self.try_edit(caller, stored?, &edit).await?,
            };
            match done {
                Some(icp) => return Ok(icp),
                None => permit.back_off().await?,
            }
        }
    }

    /// Makes a change once, and returns the ICP. Returns `None` if another request changed the ICP first.
    async fn try_edit(
        &self,
        caller: &Caller,
        stored: Arc<StoredIcp>,
        edit: &Arc<Edit>,
    ) -> Result<Option<StoredIcp>, ServiceError> {
        let (quota, stamp) = (self.limits.quota, self.stamp(caller));
        let Some(change) = self.revise(caller, &stored, edit, stamp.at).await? else {
            return Ok(Some(Arc::unwrap_or_clone(stored)));
        };
        self.icp_after_write(self.repository.replace(&change, stored.version, quota, &stamp).await?, change)
    }

    /// Converts the outcome of a write into the ICP after the change, or into `None` if nothing was written because the
    /// ICP was at another version. Fails if the quota was reached.
    pub(crate) fn icp_after_write(
        &self,
        replacement: Replacement,
        change: IcpChange,
    ) -> Result<Option<StoredIcp>, ServiceError> {
        match replacement {
            Replacement::Replaced(version) => {
                Ok(Some(StoredIcp { id: change.id(), version, json: change.into_document().into_json() }))
            }
            Replacement::QuotaReached => Err(ServiceError::QuotaReached(self.limits.quota)),
            Replacement::OtherVersion => Ok(None),
        }
    }

    /// Reads an ICP before a change, a delete, a copy or a preview, and checks the preconditions. Reads from the
    /// primary, because a replica may be outdated.
    pub(crate) async fn read_from_primary(
        &self,
        caller: &Caller,
        id: IcpId,
        preconditions: &Preconditions<Version>,
    ) -> Result<Arc<StoredIcp>, ServiceError> {
        let stored = found_in_scope(self.repository.get(id, &caller.access_scope()).await?)?;
        preconditions.check_write(&stored.version)?;
        Ok(Arc::new(stored))
    }

    /// Parses the body of a patch. If it is invalid, also reports the violations that depend on the ICP, unless the
    /// caller cannot read the ICP.
    async fn parse_patch(&self, caller: &Caller, id: IcpId, body: Arc<str>) -> Result<Edit, ServiceError> {
        let by = caller.clone();
        let parsed = parse_for(caller, Arc::clone(&body), move |text| IcpPatch::from_json(text, &by)).await?;
        let violations = match parsed {
            Ok(patch) => return Ok(Edit::Patch(Box::new(patch), body)),
            Err(violations) => violations,
        };
        let Ok(stored) = self.read_from_primary(caller, id, &Preconditions::default()).await else {
            return Err(violations.into());
        };
        let by = caller.clone();
        let all_violations = parse_for(caller, body, move |text| {
            let icp = Icp::from_json(&stored.json, Rules::Stored).ok()?;
            IcpPatch::from_json_for(text, &by, &icp).err()
        });
        Err(all_violations.await?.unwrap_or(violations).into())
    }

    /// Returns the change that an edit makes to a stored ICP, or `None` if nothing changes.
    async fn revise(
        &self,
        caller: &Caller,
        stored: &Arc<StoredIcp>,
        edit: &Arc<Edit>,
        now: Timestamp,
    ) -> Result<Option<IcpChange>, ServiceError> {
        let (edit, stored, by) = (Arc::clone(edit), Arc::clone(stored), caller.clone());
        let limits = self.limits;
        let is_large = stored.json.len() > MAX_INLINE_TEXT_BYTES || edit.is_large();
        CPU_THREADS.run(caller.user_id(), is_large, move || edit.revise(&stored, &by, now, limits)).await?
    }
}

impl Edit {
    fn is_large(&self) -> bool {
        match self {
            Self::Patch(_, body) => body.len() > MAX_INLINE_TEXT_BYTES,
            Self::Restore(earlier) => earlier.len() > MAX_INLINE_TEXT_BYTES,
            Self::SetAccess(..) => false,
        }
    }

    /// Returns the change of a stored ICP, or `None` if nothing changes.
    fn revise(
        &self,
        stored: &StoredIcp,
        caller: &Caller,
        now: Timestamp,
        limits: Limits,
    ) -> Result<Option<IcpChange>, ServiceError> {
        let before = Icp::from_json(&stored.json, Rules::Stored).map_err(ServiceError::Unreadable)?;
        let after = match self {
            Self::Restore(earlier) => {
                // The limits of one ICP are not checked: the earlier state was stored once. The quota still applies.
                let earlier = Icp::from_json(earlier, Rules::Stored).map_err(ServiceError::Unreadable)?;
                return Ok(IcpChange::restoring(&before, &earlier, now));
            }
            Self::Patch(patch, body) => patch.apply(&before, caller, now).map_err(|error| match error {
                PatchError::Invalid(unsorted) => {
                    IcpPatch::from_json_for(body, caller, &before).err().unwrap_or(unsorted).into()
                }
                error => ServiceError::from(error),
            })?,
            Self::SetAccess(user_id, access) => match access_patch(&before, caller, user_id, *access)? {
                Some(patch) => patch.apply(&before, caller, now)?,
                None => None,
            },
        };
        let Some(after) = after else { return Ok(None) };
        let change = IcpChange::between(&before, after);
        limits.check(change.document(), Some((&before, stored)))?;
        Ok(Some(change))
    }
}

/// Returns the patch of `userIds`, or `None` if access is granted to a user who already has it. Fails if the patch
/// would remove the last user, which only admins may do.
fn access_patch(
    icp: &Icp,
    caller: &Caller,
    user_id: &UserId,
    access: Access,
) -> Result<Option<IcpPatch>, ServiceError> {
    let mut users = icp.user_ids.clone();
    match access {
        Access::Granted if users.contains(user_id) => return Ok(None),
        Access::Granted => users.push(user_id.clone()),
        Access::Revoked => users.retain(|other| other != user_id),
    }
    if users.is_empty() && !icp.user_ids.is_empty() && !caller.may_set_users(&users) {
        return Err(ServiceError::LastUser);
    }
    Ok(Some(IcpPatch::of_users(users)))
}
