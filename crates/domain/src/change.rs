use crate::{ChangedFields, Icp, IcpDocument, IcpId, Operation, Timestamp, UserId};

/// A change of one ICP, as a repository writes it: the new document, the added and removed users, the operation and the
/// changed fields. A repository does not have to read the unchanged users, of whom there may be thousands.
///
/// ```
/// use icp_domain::{Caller, IcpChange, IcpPatch, NewIcp, Timestamp, UserId};
///
/// let (ada, bob): (UserId, UserId) = ("user_ada".parse()?, "user_bob".parse()?);
/// let new = NewIcp::from_json(r#"{"name": "SMB", "leadProviderCriteria": []}"#)?;
/// let before = new.create(uuid::Uuid::nil().into(), &ada, Timestamp::UNIX_EPOCH)?;
/// let patch = IcpPatch::builder().users([bob.clone()]).build()?;
/// if let Some(after) = patch.apply(&before, &Caller::user(ada.clone()), Timestamp::UNIX_EPOCH)? {
///     let change = IcpChange::between(&before, after);
///     assert_eq!((change.added_users(), change.removed_users()), ([bob].as_slice(), [ada].as_slice()));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcpChange {
    document: IcpDocument,
    added_users: Vec<UserId>,
    removed_users: Vec<UserId>,
    operation: Operation,
    changed: ChangedFields,
}

impl IcpChange {
    /// Returns the change from one state of an ICP to another. The two states must have the same `id` and `createdAt`.
    pub fn between(before: &Icp, after: Icp) -> Self {
        let changed = before.changed_fields(&after);
        let mut old: Vec<&UserId> = before.user_ids.iter().collect();
        old.sort_unstable();
        old.dedup();
        let document = IcpDocument::from(after);
        let new = document.user_ids();
        let added_users = new.iter().filter(|user| old.binary_search(user).is_err()).cloned().collect();
        let removed_users =
            old.into_iter().filter(|user| new.binary_search(user).is_err()).cloned().collect();
        Self { document, added_users, removed_users, operation: Operation::Update, changed }
    }

    /// Returns the change that restores an earlier state by the rules of [`Icp::restored`], or `None` if nothing
    /// changes.
    pub fn restoring(before: &Icp, earlier: &Icp, now: Timestamp) -> Option<Self> {
        let after = before.restored(earlier, now)?;
        Some(Self { operation: Operation::Restore, ..Self::between(before, after) })
    }

    /// Returns the change that restores a deleted ICP to an earlier state, by the rules of [`Icp::restored`]. There is
    /// a change even if the earlier state equals the deleted state.
    pub fn undeleting(deleted: &Icp, earlier: &Icp, now: Timestamp) -> Self {
        let restored_deleted = || Icp { updated_at: now.max(deleted.updated_at.next()), ..deleted.clone() };
        let after = deleted.restored(earlier, now).unwrap_or_else(restored_deleted);
        Self { operation: Operation::Restore, ..Self::between(deleted, after) }
    }

    /// Returns the ID of the ICP.
    pub fn id(&self) -> IcpId {
        self.document.id()
    }

    /// Returns the new document.
    pub fn document(&self) -> &IcpDocument {
        &self.document
    }

    /// Returns the users of the new document who are not in the old one, sorted.
    pub fn added_users(&self) -> &[UserId] {
        &self.added_users
    }

    /// Returns the users of the old document who are not in the new one, sorted.
    pub fn removed_users(&self) -> &[UserId] {
        &self.removed_users
    }

    /// Returns the operation: an update or a restore.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Returns the names of the changed fields.
    pub fn changed(&self) -> &ChangedFields {
        &self.changed
    }

    /// Returns the new document.
    pub fn into_document(self) -> IcpDocument {
        self.document
    }
}
