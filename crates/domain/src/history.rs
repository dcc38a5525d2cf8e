//! The properties of a change in the history of an ICP.

use serde::Serialize;

use crate::UserId;

/// Declares an enumeration whose names are stored in databases and returned by the API.
macro_rules! named_enum {
    ($(#[$meta:meta])* $type:ident { $($(#[$variant_meta:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $type {
            /// Every name.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// Returns the name, which databases store and the API returns.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Returns the value with this name, if there is one.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

named_enum! {
    /// How a change was made.
    #[derive(Default)]
    Source {
        /// By a request to the API.
        #[default]
        Api = "api",
        /// By a tool of the MCP server.
        Mcp = "mcp",
        /// By an import, or by the command `icp forget-user`.
        Import = "import",
    }
}

named_enum! {
    /// The kind of a change.
    Operation {
        /// The change created the ICP.
        Create = "create",
        /// The change updated the ICP. Sharing is an update.
        Update = "update",
        /// The change deleted the ICP.
        Delete = "delete",
        /// The change restored an earlier state. The ICP may have been deleted before.
        Restore = "restore",
    }
}

/// The author of a change. [`Caller::author`](crate::Caller::author) creates it for a signed-in user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The user. `None` if it is not known, as for imports.
    pub by: Option<UserId>,
    /// The person who impersonated the user.
    pub actor: Option<UserId>,
    /// How the change was made.
    pub source: Source,
}

impl Author {
    /// Returns the author of an import or of the command `icp forget-user`. It has no user.
    pub fn import() -> Self {
        Self { by: None, actor: None, source: Source::Import }
    }
}

/// The names of the changed top-level fields, without `updatedAt`, as a sorted JSON array.
///
/// ```
/// use icp_domain::ChangedFields;
///
/// assert_eq!(ChangedFields::of(vec!["name", "activeUntil"]).as_json(), r#"["activeUntil","name"]"#);
/// assert_eq!(ChangedFields::default().as_json(), "[]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedFields(String);

impl ChangedFields {
    /// Creates the array from field names, which may be unsorted and contain duplicates.
    pub fn of<T: AsRef<str> + Ord + Serialize>(mut names: Vec<T>) -> Self {
        names.sort_unstable();
        names.dedup();
        Self(serde_json::to_string(&names).unwrap_or_else(|_| "[]".to_owned()))
    }

    /// Wraps the text that [`ChangedFields::as_json`] returned.
    pub fn from_json(json: String) -> Self {
        Self(json)
    }

    /// Returns the JSON array.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl Default for ChangedFields {
    fn default() -> Self {
        Self("[]".to_owned())
    }
}
