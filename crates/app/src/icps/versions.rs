use icp_ports::Version;

/// The versions of an ICP that a client names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Versions {
    /// Whichever it has.
    Any,
    /// One of these.
    Of(Vec<Version>),
}

impl Versions {
    pub(crate) fn contain(&self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::Of(versions) => versions.contains(&version),
        }
    }
}
