use crate::decode::Rules;
use crate::violation::ValidationErrors;
use crate::{Icp, IcpId, ProviderList, Timestamp, UserId, fold_name};

/// A stored ICP: its canonical text, and the values for filters, sort orders and the access rule.
///
/// The text and the values derive from the same [`Icp`], so they cannot diverge. The service returns stored texts
/// without parsing them.
///
/// ```
/// use icp_domain::{Icp, IcpDocument, Rules};
///
/// let text = r#"{"id": "550e8400-e29b-41d4-a716-446655440000", "name": "SMB", "userIds": ["user_ada"],
///     "createdAt": "2024-01-15T11:30:00+01:00", "updatedAt": "2024-01-20T14:22:00Z", "leadProviderCriteria": []}"#;
/// let document = IcpDocument::from(Icp::from_json(text, Rules::Strict)?);
/// assert!(document.json().contains(r#""createdAt":"2024-01-15T10:30:00.000Z""#), "must be canonical");
/// assert!(document.json().contains(r#""leadsPerList":10"#), "must have defaults");
/// # Ok::<(), icp_domain::ValidationErrors>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcpDocument {
    id: IcpId,
    name: String,
    folded_name: String,
    providers: ProviderList,
    created_at: Timestamp,
    updated_at: Timestamp,
    active_until: Option<Timestamp>,
    user_ids: Vec<UserId>,
    json: String,
}

impl IcpDocument {
    /// Returns the identifier.
    pub fn id(&self) -> IcpId {
        self.id
    }

    /// Returns the display name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the name folded by [`fold_name`]. Searches and sort orders use the folded name.
    pub fn folded_name(&self) -> &str {
        &self.folded_name
    }

    /// Returns the providers that the ICP names, see [`Icp::providers`].
    pub fn providers(&self) -> &ProviderList {
        &self.providers
    }

    /// Returns the time of creation.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Returns the time of the last change.
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// Returns the time of expiry.
    pub fn active_until(&self) -> Option<Timestamp> {
        self.active_until
    }

    /// Returns the users in `userIds`, sorted and without duplicates.
    pub fn user_ids(&self) -> &[UserId] {
        &self.user_ids
    }

    /// Returns the canonical text: the wire form on one line.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Returns the canonical text.
    pub fn into_json(self) -> String {
        self.json
    }

    /// Parses the text.
    ///
    /// # Errors
    ///
    /// The violations in the text. The text has violations only if this crate has a defect.
    pub fn to_icp(&self) -> Result<Icp, ValidationErrors> {
        Icp::from_json(&self.json, Rules::Stored)
    }
}

impl From<Icp> for IcpDocument {
    fn from(icp: Icp) -> Self {
        let json = icp.to_json();
        let providers = ProviderList::of(&icp.providers());
        let mut user_ids = icp.user_ids;
        user_ids.sort_unstable();
        user_ids.dedup();
        Self {
            id: icp.id,
            folded_name: fold_name(&icp.name),
            name: icp.name,
            providers,
            created_at: icp.created_at,
            updated_at: icp.updated_at,
            active_until: icp.active_until,
            user_ids,
            json,
        }
    }
}
