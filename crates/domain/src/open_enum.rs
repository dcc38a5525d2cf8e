//! Enumerations that newer versions extend: an unknown name is kept, not refused.

/// Says what strict writing needs to know of an open enumeration.
pub(crate) trait OpenEnum: From<String> {
    /// Whether this version knows the value.
    fn is_known(&self) -> bool;
    /// The names it knows, for people.
    fn expected() -> String;
}

/// Defines an enumeration of texts with a last variant, `Unknown`, for every other text.
macro_rules! open_enum {
    ($(#[$meta:meta])* $type:ident { $($(#[$variant_meta:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $type {
            $($(#[$variant_meta])* $variant,)+
            /// A name that this version does not know, as it was stored.
            Unknown(String),
        }

        impl $type {
            /// The name on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Unknown(name) => name,
                }
            }
        }

        impl From<String> for $type {
            fn from(name: String) -> Self {
                match name.as_str() {
                    $($name => Self::$variant,)+
                    _ => Self::Unknown(name),
                }
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.as_str().to_owned()
            }
        }

        impl $crate::open_enum::OpenEnum for $type {
            fn is_known(&self) -> bool {
                !matches!(self, Self::Unknown(_))
            }

            fn expected() -> String {
                [$(concat!("\"", $name, "\"")),+].join(" or ")
            }
        }
    };
}
pub(crate) use open_enum;
