//! Enumerations that newer versions may extend. Unknown names are preserved.

/// An enumeration that [`open_enum!`] declares.
pub(crate) trait OpenEnum: From<String> + AsRef<str> + serde::Serialize {
    /// The names that this version knows.
    const NAMES: &'static [&'static str];
}

/// A name that this version does not know. Only parsing creates it, so it never contains a known name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnknownName(pub(crate) String);

impl UnknownName {
    /// Returns the original name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Declares an enumeration of names with a last variant, `Unknown`, for every other name.
macro_rules! open_enum {
    ($(#[$meta:meta])* $type:ident { $($(#[$variant_meta:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Deserialize, derive_more::Display)]
        #[display("{}", self.as_str())]
        #[serde(from = "String")]
        #[non_exhaustive]
        pub enum $type {
            $($(#[$variant_meta])* $variant,)+
            /// A name that this version does not know. Parsing creates it.
            Unknown($crate::criteria::UnknownName),
        }

        impl $type {
            /// Returns the name on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Unknown(name) => name.as_str(),
                }
            }
        }

        impl From<String> for $type {
            fn from(name: String) -> Self {
                match name.as_str() {
                    $($name => Self::$variant,)+
                    _ => Self::Unknown($crate::criteria::UnknownName(name)),
                }
            }
        }

        impl From<&str> for $type {
            fn from(name: &str) -> Self {
                name.to_owned().into()
            }
        }

        impl std::str::FromStr for $type {
            type Err = std::convert::Infallible;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Ok(name.into())
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl $crate::open_enum::OpenEnum for $type {
            const NAMES: &'static [&'static str] = &[$($name),+];
        }
    };
}
pub(crate) use open_enum;
