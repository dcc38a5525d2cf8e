/// The versions of an ICP or a list that a client names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known<V> {
    /// Whichever it has.
    Any,
    /// One of these.
    Of(Vec<V>),
}

impl<V: PartialEq> Known<V> {
    pub(crate) fn contains(&self, version: &V) -> bool {
        match self {
            Self::Any => true,
            Self::Of(versions) => versions.contains(version),
        }
    }
}
