use std::borrow::Cow;

use super::{BodyBuilder, Icp, NewIcp};
use crate::decode::{self, Decode as _, Rules};
use crate::violation::{ValidationErrors, Violation, ViolationCode};
use crate::{IcpId, Timestamp, UserId, limits};

impl NewIcp {
    /// Reads the body strictly. `name` and `leadProviderCriteria` are required.
    ///
    /// # Errors
    ///
    /// The violations in document order, at most [`limits::VIOLATIONS`]. Fields that only the service sets (`id`,
    /// `createdAt`, `updatedAt`) are [`ViolationCode::ReadOnly`].
    pub fn from_json(text: &str) -> Result<Self, ValidationErrors> {
        decode::document(text, Rules::Strict, Self::decode)
    }

    /// Starts building a body.
    ///
    /// ```
    /// use icp_domain::NewIcp;
    /// use icp_domain::criteria::{LeadProviderCriterion, MaxPeoplePerCompany, SearchType};
    ///
    /// let new = NewIcp::builder("SMB")
    ///     .search(LeadProviderCriterion::new(SearchType::Person, r#"{"job_title": ["CTO"]}"#.parse()?))
    ///     .filter(MaxPeoplePerCompany::new(3))
    ///     .build()?;
    /// assert_eq!(NewIcp::from_json(&serde_json::to_string(&new)?)?, new);
    ///
    /// assert!(NewIcp::builder(" ").build().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(name: impl Into<String>) -> BodyBuilder<Self> {
        BodyBuilder::new().name(name).searches([])
    }

    /// Returns the ICP. If the body does not list the creator, the creator becomes its last user.
    ///
    /// # Errors
    ///
    /// A violation at `/userIds` if the body lists the maximum number of users without the creator, or if the creator's
    /// ID is invalid.
    pub fn create(self, id: IcpId, creator: &UserId, now: Timestamp) -> Result<Icp, ValidationErrors> {
        let mut icp = Icp { id, created_at: now, updated_at: now, ..self.0 };
        if !icp.user_ids.contains(creator) {
            if let Some((code, detail)) = creator_violation(&icp.user_ids, creator) {
                return Err(Violation::of_field("userIds", code, detail).into());
            }
            icp.user_ids.push(creator.clone());
        }
        Ok(icp)
    }
}

/// Returns the reason why the creator cannot be added to the users, or `None` if the creator can be added.
fn creator_violation(listed: &[UserId], creator: &UserId) -> Option<(ViolationCode, Cow<'static, str>)> {
    if listed.len() >= limits::USERS {
        let detail = format!("must have at most {} users, including the creator", limits::USERS);
        return Some((ViolationCode::TooLong, detail.into()));
    }
    let (code, detail) = creator.violation()?;
    Some((code, format!("the service adds the creator's ID, which {detail}").into()))
}
