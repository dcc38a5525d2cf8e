//! Who may see what: the one place that says it.

use crate::UserId;

/// A signed-in user, whether they are an admin, and who acts in their name.
///
/// The access rule has two halves, and every path of the service goes through one of them:
///
/// - **One ICP** ([`Caller::access_scope`]): a caller may read, change and delete it when its `userIds` contains
///   them, or when they are an admin.
/// - **The list** ([`Caller::list_scope`]): it holds the ICPs whose `userIds` contains the caller, and no other.
///   Being an admin adds nothing to it.
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
    admin: bool,
    actor: Option<UserId>,
}

impl Caller {
    /// A user without special rights.
    pub fn user(user_id: UserId) -> Self {
        Self { user_id, admin: false, actor: None }
    }

    /// A user who may access every ICP.
    pub fn admin(user_id: UserId) -> Self {
        Self { user_id, admin: true, actor: None }
    }

    /// A user in whose name `actor` works: a support engineer who impersonates them, for example. An impersonated user
    /// is never an admin.
    ///
    /// ```
    /// use icp_domain::Caller;
    ///
    /// let caller = Caller::impersonated("user_ada".parse()?, "user_support".parse()?);
    /// assert_eq!(caller.user_id().as_str(), "user_ada");
    /// assert_eq!(caller.actor().map(|actor| actor.as_str()), Some("user_support"));
    /// assert!(!caller.is_admin());
    /// # Ok::<(), icp_domain::EmptyUserId>(())
    /// ```
    pub fn impersonated(user_id: UserId, actor: UserId) -> Self {
        Self { user_id, admin: false, actor: Some(actor) }
    }

    /// Who it is.
    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// Whether they are an admin.
    pub fn is_admin(&self) -> bool {
        self.admin
    }

    /// The person who acts in the user's name, if it is not the user.
    pub fn actor(&self) -> Option<&UserId> {
        self.actor.as_ref()
    }

    /// Whether this caller may read, change and delete the ICP with these `userIds`.
    pub fn may_access(&self, user_ids: &[UserId]) -> bool {
        self.access_scope().includes(user_ids)
    }

    /// Which ICPs this caller may read, change and delete.
    pub fn access_scope(&self) -> AccessScope {
        AccessScope((!self.admin).then(|| self.user_id.clone()))
    }

    /// Which ICPs this caller's list holds.
    pub fn list_scope(&self) -> ListScope {
        ListScope(self.user_id.clone())
    }
}

/// Which ICPs a caller may read, change and delete: those that name one user, or all. Only the access rule makes it, so
/// that a repository cannot be asked for an ICP on which the rule has not decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessScope(Option<UserId>);

impl AccessScope {
    /// The user whom an ICP must name; `None` when it need not name anybody.
    pub fn member(&self) -> Option<&UserId> {
        self.0.as_ref()
    }

    /// Whether the ICP with these `userIds` is within. What a repository does with an index must come to the same.
    pub fn includes(&self, user_ids: &[UserId]) -> bool {
        self.member().is_none_or(|member| user_ids.contains(member))
    }
}

/// Which ICPs a list holds: those that name one user. Only the access rule makes it, so that a repository
/// cannot be asked for a list that the rule has not decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListScope(UserId);

impl ListScope {
    /// The user whom the listed ICPs name.
    pub fn member(&self) -> &UserId {
        &self.0
    }

    /// Whether the ICP with these `userIds` belongs into the list. What a repository does with an index must
    /// come to the same.
    pub fn includes(&self, user_ids: &[UserId]) -> bool {
        user_ids.contains(&self.0)
    }
}
