use crate::{Icp, IcpDocument, IcpId, UserId};

/// A change of one ICP, as a repository writes it: the document that takes the old one's place, and who comes and goes.
///
/// A repository need not look at the users who stay, of whom there may be thousands.
///
/// ```
/// use icp_domain::{Caller, IcpChange, IcpPatch, NewIcp, Timestamp, UserId};
///
/// let (ada, bob): (UserId, UserId) = ("user_ada".parse()?, "user_bob".parse()?);
/// let new = NewIcp::from_json(r#"{"name": "SMB", "leadProviderCriteria": []}"#)?;
/// let before = new.create(uuid::Uuid::nil().into(), &ada, Timestamp::UNIX_EPOCH)?;
/// let patch = IcpPatch::from_json(r#"{"userIds": ["user_bob"]}"#)?;
/// if let Some(after) = patch.apply(&before, &Caller::user(ada.clone()), Timestamp::UNIX_EPOCH)? {
///     let change = IcpChange::between(&before, after);
///     assert_eq!((change.joined(), change.left()), ([bob].as_slice(), [ada].as_slice()));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcpChange {
    document: IcpDocument,
    joined: Vec<UserId>,
    left: Vec<UserId>,
}

impl IcpChange {
    /// The change from one state of an ICP to another. Its id and `createdAt` are the same in both.
    pub fn between(before: &Icp, after: Icp) -> Self {
        let mut old: Vec<&UserId> = before.user_ids.iter().collect();
        old.sort_unstable();
        old.dedup();
        let document = IcpDocument::from(after);
        let new = document.members();
        let joined = new.iter().filter(|user| old.binary_search(user).is_err()).cloned().collect();
        let left = old.into_iter().filter(|user| new.binary_search(user).is_err()).cloned().collect();
        Self { document, joined, left }
    }

    /// Which ICP it is.
    pub fn id(&self) -> IcpId {
        self.document.id()
    }

    /// The new document.
    pub fn document(&self) -> &IcpDocument {
        &self.document
    }

    /// The users whom the new document names and the old one does not, in order of their ids.
    pub fn joined(&self) -> &[UserId] {
        &self.joined
    }

    /// The users whom the old document names and the new one does not, in order of their ids.
    pub fn left(&self) -> &[UserId] {
        &self.left
    }

    /// The new document alone.
    pub fn into_document(self) -> IcpDocument {
        self.document
    }
}
