use std::collections::BTreeSet;

use super::Icp;
use crate::json::JsonText;
use crate::{ChangedFields, Timestamp, UserId};

impl Icp {
    /// Returns this ICP with the values of an earlier state, or `None` if nothing changes.
    ///
    /// `id`, `createdAt` and `userIds` do not change: a restore gives no user access. `updatedAt` becomes `now`, or its
    /// previous value plus one millisecond if the clock has not advanced. All other fields, including unknown fields,
    /// get their earlier values.
    ///
    /// ```
    /// use icp_domain::{NewIcp, Timestamp, UserId};
    ///
    /// let (ada, bob): (UserId, UserId) = ("user_ada".parse()?, "user_bob".parse()?);
    /// let new = NewIcp::from_json(r#"{"name": "SMB", "leadProviderCriteria": []}"#)?;
    /// let old = new.create(uuid::Uuid::nil().into(), &ada, Timestamp::UNIX_EPOCH)?;
    /// let mut current = old.clone();
    /// current.name = "Enterprise".to_owned();
    /// current.user_ids = vec![bob.clone()];
    /// let restored = current.restored(&old, Timestamp::UNIX_EPOCH).expect("the name differs");
    /// assert_eq!((restored.name.as_str(), restored.user_ids.as_slice()), ("SMB", [bob].as_slice()));
    /// assert!(restored.restored(&old, Timestamp::UNIX_EPOCH).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn restored(&self, earlier: &Self, now: Timestamp) -> Option<Self> {
        let Self { id, created_at, updated_at, user_ids, .. } = self.clone();
        let restored = Self { id, created_at, updated_at, user_ids, ..earlier.clone() };
        (restored != *self).then(|| Self { updated_at: now.max(updated_at.next()), ..restored })
    }

    /// Returns this ICP without a user, or `None` if `userIds` does not contain the user. Nothing else changes.
    pub fn without_user(&self, user_id: &UserId) -> Option<Self> {
        let mut icp = self.clone();
        icp.user_ids.retain(|other| other != user_id);
        (icp != *self).then_some(icp)
    }

    /// Returns the names of the top-level fields that differ, without `updatedAt`.
    pub fn changed_fields(&self, after: &Self) -> ChangedFields {
        let mut names: BTreeSet<&str> = self.differing_fields(after).into_iter().collect();
        names.remove("updatedAt");
        if self.unknown_fields != after.unknown_fields {
            let unknown = self.unknown_fields.iter().chain(after.unknown_fields.iter());
            names.extend(
                unknown
                    .map(|(name, _)| name)
                    .filter(|name| self.unknown_values(name) != after.unknown_values(name)),
            );
        }
        ChangedFields::of(names.into_iter().collect())
    }

    /// Returns every value of an unknown field. A stored object can contain a name several times.
    fn unknown_values(&self, name: &str) -> Vec<&JsonText> {
        self.unknown_fields.iter().filter(|(other, _)| *other == name).map(|(_, value)| value).collect()
    }
}
