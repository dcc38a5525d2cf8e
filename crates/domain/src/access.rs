//! The access rule.

use crate::{Author, Source, UserId};

/// A signed-in user: their ID, whether they are an admin, who impersonates them, and the source of their changes.
///
/// The methods of `Caller` are the access rule. Every use case that reads or changes stored ICPs for a caller applies
/// it:
///
/// - **One ICP** ([`Caller::access_scope`], [`Caller::may_access`]): a caller may read, change and delete an ICP if its
///   `userIds` contains them, or if they are an admin.
/// - **The list** ([`Caller::list_scope`]): it contains only the ICPs whose `userIds` contains the caller, even if the
///   caller is an admin.
/// - **The history** ([`Caller::access_scope`]): a caller who may access an ICP may read and restore all revisions that
///   its history still contains. The `userIds` of earlier states do not matter. For a deleted ICP, the `userIds` at its
///   deletion apply.
/// - **The deleted ICPs** ([`Caller::access_scope`]): a caller sees the deleted ICPs whose history they may read.
/// - **Restoring** ([`Icp::restored`](crate::Icp::restored)): a restore does not change `userIds`, so it gives no user
///   access.
/// - **Removing all users** ([`Caller::may_set_users`]): only an admin may leave an ICP without users.
///   [`IcpPatch`](crate::IcpPatch) checks this rule.
///
/// ```
/// use icp_domain::{Caller, UserId};
///
/// let ada: UserId = "user_ada".parse()?;
/// let bob: UserId = "user_bob".parse()?;
/// let users = [ada.clone()];
///
/// assert!(Caller::user(ada).may_access(&users));
/// assert!(!Caller::user(bob.clone()).may_access(&users));
/// assert!(Caller::admin(bob.clone()).may_access(&users));
/// assert!(!Caller::admin(bob).list_scope().includes(&users));
/// # Ok::<(), icp_domain::EmptyUserId>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    user_id: UserId,
    is_admin: bool,
    actor: Option<UserId>,
    source: Source,
}

impl Caller {
    /// Creates a user who is not an admin.
    pub fn user(user_id: UserId) -> Self {
        Self { user_id, is_admin: false, actor: None, source: Source::Api }
    }

    /// Creates an admin, who may access every ICP.
    pub fn admin(user_id: UserId) -> Self {
        Self { user_id, is_admin: true, actor: None, source: Source::Api }
    }

    /// Creates a user whom `actor`, such as a support engineer, impersonates. An impersonated user is never an admin.
    ///
    /// ```
    /// use icp_domain::Caller;
    ///
    /// let caller = Caller::impersonated("user_ada".parse()?, "user_support".parse()?);
    /// assert!(caller.actor().is_some() && !caller.is_admin());
    /// # Ok::<(), icp_domain::EmptyUserId>(())
    /// ```
    pub fn impersonated(user_id: UserId, actor: UserId) -> Self {
        Self { user_id, is_admin: false, actor: Some(actor), source: Source::Api }
    }

    /// Sets the source of the caller's changes. The default is [`Source::Api`].
    #[must_use]
    pub fn via(self, source: Source) -> Self {
        Self { source, ..self }
    }

    /// Returns the author of the caller's changes.
    pub fn author(&self) -> Author {
        Author { by: Some(self.user_id.clone()), actor: self.actor.clone(), source: self.source }
    }

    /// Returns the ID of the user.
    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// Returns true if the user is an admin.
    pub fn is_admin(&self) -> bool {
        self.is_admin
    }

    /// Returns the person who impersonates the user, if there is one.
    pub fn actor(&self) -> Option<&UserId> {
        self.actor.as_ref()
    }

    /// Returns true if the caller may read, change and delete an ICP with these `userIds`.
    pub fn may_access(&self, user_ids: &[UserId]) -> bool {
        self.access_scope().includes(user_ids)
    }

    /// Returns true if the caller may set the `userIds` of an ICP to these IDs. Only an admin may leave an ICP without
    /// users.
    pub fn may_set_users(&self, user_ids: &[UserId]) -> bool {
        self.is_admin || !user_ids.is_empty()
    }

    /// Returns the ICPs that the caller may read, change, delete and restore, with their histories.
    pub fn access_scope(&self) -> AccessScope {
        AccessScope((!self.is_admin).then(|| self.user_id.clone()))
    }

    /// Returns the ICPs in the caller's list.
    pub fn list_scope(&self) -> ListScope {
        ListScope(self.user_id.clone())
    }
}

/// The ICPs that a caller may read, change, delete and restore: the ICPs of one user, or all. Only [`Caller`] creates
/// scopes, so every scope that a repository receives follows the access rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessScope(Option<UserId>);

impl AccessScope {
    /// Returns the user whom the `userIds` of an ICP must contain, or `None` if the scope includes every ICP.
    pub fn user_id(&self) -> Option<&UserId> {
        self.0.as_ref()
    }

    /// Returns true if the scope includes an ICP with these `userIds`. A repository must apply the same rule.
    pub fn includes(&self, user_ids: &[UserId]) -> bool {
        self.user_id().is_none_or(|user_id| user_ids.contains(user_id))
    }
}

/// The ICPs in the list of one user. Only [`Caller`] creates scopes, so every scope that a repository receives follows
/// the access rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListScope(UserId);

impl ListScope {
    /// Returns the user whom the `userIds` of an ICP must contain.
    pub fn user_id(&self) -> &UserId {
        &self.0
    }

    /// Returns true if the list includes an ICP with these `userIds`. A repository must apply the same rule.
    pub fn includes(&self, user_ids: &[UserId]) -> bool {
        user_ids.contains(&self.0)
    }
}
