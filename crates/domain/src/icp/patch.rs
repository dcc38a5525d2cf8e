use std::str::FromStr;

use super::{BodyBuilder, Icp, IcpPatch};
use crate::decode::{self, Decode as _, Decoder, Rules};
use crate::json::{Json, Kind};
use crate::violation::{ValidationErrors, Violation, ViolationCode};
use crate::{Caller, Timestamp, UserId};

const READ_ONLY: &str = "read-only field: it must be absent or have its current value";
const NO_USERS: &str = "must name a user: only an admin may leave it empty";

/// The reason why a patch cannot be applied.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The caller may not access the ICP.
    #[error("the caller may not access the ICP")]
    Forbidden,
    /// The body is invalid for this ICP or this caller.
    #[error(transparent)]
    Invalid(#[from] ValidationErrors),
    /// The body has the `updatedAt` of another version: the client edited an outdated version.
    #[error("the ICP has changed since its `updatedAt` was read")]
    Stale,
}

impl IcpPatch {
    /// Reads the body strictly.
    ///
    /// # Errors
    ///
    /// The violations in document order, at most [`VIOLATIONS`](crate::limits::VIOLATIONS). If a caller who is not an
    /// admin sends empty `userIds`, this violation is included only if there are other violations. Otherwise
    /// [`IcpPatch::apply`] reports it.
    pub fn from_json(text: &str, by: &Caller) -> Result<Self, ValidationErrors> {
        decode::document(text, Rules::Strict, |decoder, json| {
            let patch = Self::decode(decoder, json);
            // If there are no other violations, `apply` reports the empty `userIds` together with its own violations.
            if decoder.has_violations() {
                check_users(decoder, json, by);
            }
            patch
        })
    }

    /// Reads the body of a patch of `icp` strictly. Unlike [`IcpPatch::from_json`], also applies the rules of
    /// [`IcpPatch::apply`] that depend on the caller and the ICP, except the access rule and the check of `updatedAt`.
    ///
    /// # Errors
    ///
    /// All violations in document order, at most [`VIOLATIONS`](crate::limits::VIOLATIONS).
    pub fn from_json_for(text: &str, by: &Caller, icp: &Icp) -> Result<Self, ValidationErrors> {
        decode::document(text, Rules::Strict, |decoder, json| {
            let patch = Self::decode(decoder, json);
            check_users(decoder, json, by);
            if differs(json, "id", &icp.id) {
                add_violation(decoder, json, "id", ViolationCode::ReadOnly, READ_ONLY);
            }
            if differs(json, "createdAt", &icp.created_at) {
                add_violation(decoder, json, "createdAt", ViolationCode::ReadOnly, READ_ONLY);
            }
            patch
        })
    }

    /// Starts building a body.
    ///
    /// ```
    /// use icp_domain::IcpPatch;
    ///
    /// let patch = IcpPatch::builder().name("SMB").clear_description().build()?;
    /// assert_eq!(serde_json::to_string(&patch)?, r#"{"name":"SMB","description":null}"#);
    /// assert!(IcpPatch::builder().leads_per_list(0).build().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> BodyBuilder<Self> {
        BodyBuilder::new()
    }

    /// Returns a patch that replaces the users. Their number and IDs are not checked: a stored ICP may exceed the
    /// limits.
    pub fn of_users(user_ids: Vec<UserId>) -> Self {
        Self { user_ids: Some(user_ids), ..Self::default() }
    }

    /// Returns the changed ICP, or `None` if the patch changes nothing.
    ///
    /// `updatedAt` increases with every change: it becomes `now`, or its previous value plus one millisecond if the
    /// clock has not advanced. Unknown fields of `icp` stay, unless the patch replaces the part that contains them.
    ///
    /// # Errors
    ///
    /// In this order: [`PatchError::Forbidden`] by the [access rule](Caller); [`PatchError::Invalid`] if `id` or
    /// `createdAt` differs from the value in `icp`, or if a caller who is not an admin empties `userIds`;
    /// [`PatchError::Stale`] if `updatedAt` differs.
    pub fn apply(&self, icp: &Icp, by: &Caller, now: Timestamp) -> Result<Option<Icp>, PatchError> {
        if !by.may_access(&icp.user_ids) {
            return Err(PatchError::Forbidden);
        }
        ValidationErrors::check(self.violations(icp, by))?;
        if self.updated_at.is_some_and(|time| time != icp.updated_at) {
            return Err(PatchError::Stale);
        }
        let patched = self.merged_into(icp);
        if patched == *icp {
            return Ok(None);
        }
        Ok(Some(Icp { updated_at: now.max(icp.updated_at.next()), ..patched }))
    }

    fn violations(&self, icp: &Icp, by: &Caller) -> Vec<Violation> {
        let changes_id = self.id.is_some_and(|id| id != icp.id);
        let changes_created_at = self.created_at.is_some_and(|time| time != icp.created_at);
        let removes_all_users = self.user_ids.as_ref().is_some_and(|user_ids| !by.may_set_users(user_ids));
        let checks = [
            (changes_id, "id", ViolationCode::ReadOnly, READ_ONLY),
            (changes_created_at, "createdAt", ViolationCode::ReadOnly, READ_ONLY),
            (removes_all_users, "userIds", ViolationCode::InvalidValue, NO_USERS),
        ];
        let failed = checks.into_iter().filter(|(has_failed, ..)| *has_failed);
        failed.map(|(_, name, code, detail)| Violation::of_field(name, code, detail)).collect()
    }
}

/// Adds a violation if a caller who is not an admin sends empty `userIds`.
fn check_users(decoder: &mut Decoder, body: Json<'_>, by: &Caller) {
    let is_empty = |users: Json<'_>| users.kind() == Kind::Array && users.elements().next().is_none();
    if field(body, "userIds").is_some_and(is_empty) && !by.may_set_users(&[]) {
        add_violation(decoder, body, "userIds", ViolationCode::InvalidValue, NO_USERS);
    }
}

/// Returns true if a field has a valid value that differs from the current value.
fn differs<T: FromStr + PartialEq>(body: Json<'_>, name: &str, current: &T) -> bool {
    let sent = field(body, name).and_then(Json::string).and_then(|text| text.parse().ok());
    sent.is_some_and(|sent: T| sent != *current)
}

fn field<'a>(body: Json<'a>, name: &str) -> Option<Json<'a>> {
    body.members().find(|member| member.name == name).map(|member| member.value)
}

fn add_violation(
    decoder: &mut Decoder,
    body: Json<'_>,
    name: &str,
    code: ViolationCode,
    detail: &'static str,
) {
    decoder.within_member(name, field(body, name), |decoder| decoder.violation::<()>(code, detail));
}
