//! Macros that declare the bodies of requests from the fields of an ICP in `fields.rs`.

/// Declares [`NewIcp`](crate::NewIcp) from the fields of an ICP.
macro_rules! new_icp {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $declaration:expr;)+) => {
        /// The body that creates an ICP.
        ///
        /// ```
        /// use icp_domain::{NewIcp, Timestamp, UserId};
        ///
        /// let ada: UserId = "user_ada".parse()?;
        /// let new = NewIcp::from_json(r#"{"name": "SMB", "leadProviderCriteria": [], "userIds": ["user_bob"]}"#)?;
        /// let icp = new.create(uuid::Uuid::nil().into(), &ada, Timestamp::UNIX_EPOCH)?;
        /// assert_eq!(icp.user_ids, ["user_bob".parse()?, ada]);
        /// assert_eq!(icp.created_at, icp.updated_at);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        ///
        /// A `NewIcp` serializes to the body of a request. [`NewIcp::builder`] builds one from Rust values.
        #[derive(Clone, Debug, PartialEq)]
        pub struct NewIcp(pub(crate) Icp);

        impl $crate::decode::Decode for NewIcp {
            fn decode(decoder: &mut $crate::decode::Decoder, json: $crate::json::Json<'_>) -> Option<Self> {
                let fields = &mut decoder.object(json)?;
                $(let $field = $declaration.decode_new(decoder, fields);)+
                let unknown_fields = decoder.unknown_fields(fields);
                Some(Self(Icp { $($field: $field?,)+ unknown_fields }))
            }
        }

        impl serde::Serialize for NewIcp {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $($declaration.serialize_new(&self.0.$field, &mut map)?;)+
                map.end()
            }
        }
    };
}
pub(crate) use new_icp;

/// Declares [`IcpPatch`](crate::IcpPatch) from the fields of an ICP. All fields are optional.
macro_rules! icp_patch {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $declaration:expr;)+) => {
        /// The body that changes an ICP, by the rules of JSON Merge Patch at the top level.
        ///
        /// An absent field stays unchanged. `null` clears `description`, `crmFilters` and `activeUntil`. Arrays and
        /// objects are replaced completely. `id`, `createdAt` and `updatedAt` may be present with their current values,
        /// so that a client can read an ICP, edit it and send it back.
        ///
        /// An `IcpPatch` serializes to the body of a request. [`IcpPatch::builder`] builds one from Rust values.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct IcpPatch {
            $(pub(crate) $field: Option<$type>,)+
        }

        impl IcpPatch {
            /// Returns the ICP with the present fields replaced.
            pub(crate) fn merged_into(&self, icp: &Icp) -> Icp {
                Icp {
                    $($field: self.$field.as_ref().unwrap_or(&icp.$field).clone(),)+
                    unknown_fields: icp.unknown_fields.clone(),
                }
            }
        }

        impl $crate::decode::Decode for IcpPatch {
            fn decode(decoder: &mut $crate::decode::Decoder, json: $crate::json::Json<'_>) -> Option<Self> {
                let fields = &mut decoder.object(json)?;
                $(let $field = $declaration.decode_present(decoder, fields);)+
                decoder.unknown_fields(fields);
                Some(Self { $($field: $field?,)+ })
            }
        }

        impl serde::Serialize for IcpPatch {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $(if let Some(value) = &self.$field {
                    $declaration.serialize(value, &mut map)?;
                })+
                map.end()
            }
        }
    };
}
pub(crate) use icp_patch;

/// Declares the comparison of two ICPs by field.
macro_rules! differing_fields {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty = $declaration:expr;)+) => {
        impl Icp {
            /// Returns the names of the known fields whose values differ.
            pub(crate) fn differing_fields(&self, other: &Self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $(if self.$field != other.$field {
                    names.push($declaration.name);
                })+
                names
            }
        }
    };
}
pub(crate) use differing_fields;
