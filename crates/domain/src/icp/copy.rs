use super::Icp;
use crate::decode::format::visible_text;
use crate::decode::{self, Rules, optional};
use crate::violation::{ValidationErrors, Violation};
use crate::{IcpId, Timestamp, UserId, limits};

/// Suffix of a copy's default name.
const COPY_SUFFIX: &str = " (copy)";

/// The body that copies an ICP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IcpCopy {
    name: Option<String>,
}

impl IcpCopy {
    /// Reads the body strictly. Its only field is `name`, which is optional.
    ///
    /// # Errors
    ///
    /// The violations in document order, at most [`VIOLATIONS`](crate::limits::VIOLATIONS).
    pub fn from_json(text: &str) -> Result<Self, ValidationErrors> {
        decode::document(text, Rules::Strict, |decoder, json| {
            let fields = &mut decoder.object(json)?;
            let name = optional("name", visible_text(limits::NAME)).decode(decoder, fields);
            decoder.unknown_fields(fields);
            Some(Self { name: name? })
        })
    }

    /// Returns a copy of an ICP. The copy has its own `id`, `createdAt`, `updatedAt` and name, and the creator is its
    /// only user. All other fields are the same, including unknown fields.
    ///
    /// The default name is the original name, shortened if necessary, with the suffix ` (copy)`.
    ///
    /// ```
    /// use icp_domain::{IcpCopy, NewIcp, Timestamp, UserId};
    ///
    /// let (ada, bob): (UserId, UserId) = ("user_ada".parse()?, "user_bob".parse()?);
    /// let new = NewIcp::from_json(r#"{"name": "SMB", "leadProviderCriteria": []}"#)?;
    /// let original = new.create(uuid::Uuid::nil().into(), &ada, Timestamp::UNIX_EPOCH)?;
    /// let copy = IcpCopy::default().apply(&original, uuid::Uuid::max().into(), &bob, Timestamp::UNIX_EPOCH)?;
    /// assert_eq!((copy.name.as_str(), copy.user_ids.as_slice()), ("SMB (copy)", [bob].as_slice()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A violation at `/userIds` if the creator's ID is invalid.
    pub fn apply(
        &self,
        original: &Icp,
        id: IcpId,
        creator: &UserId,
        now: Timestamp,
    ) -> Result<Icp, ValidationErrors> {
        if let Some((code, detail)) = creator.violation() {
            return Err(Violation::of_field("userIds", code, format!("the creator's ID {detail}")).into());
        }
        let default_name = || {
            let start = original.name.chars().take(limits::NAME - COPY_SUFFIX.len());
            start.chain(COPY_SUFFIX.chars()).collect()
        };
        let name = self.name.clone().unwrap_or_else(default_name);
        let user_ids = vec![creator.clone()];
        Ok(Icp { id, name, created_at: now, updated_at: now, user_ids, ..original.clone() })
    }
}
