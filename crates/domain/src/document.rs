use crate::decode::Rules;
use crate::fault::Faults;
use crate::{Icp, IcpId, ProviderList, Timestamp, UserId};

/// One ICP as it is stored: its canonical text, and beside it what is filtered, sorted and decided by.
///
/// Both come from the same [`Icp`], here and nowhere else, so that they cannot part. Serving what is stored needs no
/// parsing, which is what makes a list cheap; whoever wants the types parses the text.
///
/// ```
/// use icp_domain::{Icp, IcpDocument, Rules};
///
/// let text = r#"{"id": "550e8400-e29b-41d4-a716-446655440000", "name": "SMB", "userIds": ["user_ada"],
///     "createdAt": "2024-01-15T11:30:00+01:00", "updatedAt": "2024-01-20T14:22:00Z", "leadProviderCriteria": []}"#;
/// let document = IcpDocument::from(Icp::from_json(text, Rules::Strict)?);
/// assert!(document.json().contains(r#""createdAt":"2024-01-15T10:30:00.000Z""#), "canonical");
/// assert!(document.json().contains(r#""leadsPerList":10"#), "defaults are stated");
/// # Ok::<(), icp_domain::Faults>(())
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
    members: Vec<UserId>,
    json: String,
}

impl IcpDocument {
    /// The identifier.
    pub fn id(&self) -> IcpId {
        self.id
    }

    /// The display name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The display name in lower case, by which names are searched and sorted.
    pub fn folded_name(&self) -> &str {
        &self.folded_name
    }

    /// The providers that it names, see [`Icp::providers`].
    pub fn providers(&self) -> &ProviderList {
        &self.providers
    }

    /// When it was created.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// When it was last changed.
    pub fn updated_at(&self) -> Timestamp {
        self.updated_at
    }

    /// When it expires.
    pub fn active_until(&self) -> Option<Timestamp> {
        self.active_until
    }

    /// The users that its `userIds` name, each once, in order of their ids.
    pub fn members(&self) -> &[UserId] {
        &self.members
    }

    /// The canonical text: the wire form on one line.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The canonical text alone.
    pub fn into_json(self) -> String {
        self.json
    }

    /// The place in the order of every list: oldest first, then by id.
    pub fn position(&self) -> (Timestamp, IcpId) {
        (self.created_at, self.id)
    }

    /// The typed ICP.
    ///
    /// # Errors
    ///
    /// None for a document made by this version; the type leaves it open for whoever changes the text by other means.
    pub fn to_icp(&self) -> Result<Icp, Faults> {
        Icp::from_json(&self.json, Rules::Stored)
    }
}

impl From<Icp> for IcpDocument {
    fn from(icp: Icp) -> Self {
        let json = icp.to_json();
        let providers = ProviderList::of(&icp.providers());
        let mut members = icp.user_ids;
        members.sort_unstable();
        members.dedup();
        Self {
            id: icp.id,
            folded_name: icp.name.to_lowercase(),
            name: icp.name,
            providers,
            created_at: icp.created_at,
            updated_at: icp.updated_at,
            active_until: icp.active_until,
            members,
            json,
        }
    }
}
