//! Declares structs from the fields of their JSON objects.

use super::{Decode, Decoder, Fields};
use crate::json::Json;
use crate::schema::{Form, ObjectSchema};

/// A struct that [`record!`] declares.
pub(crate) trait Record: Sized {
    /// The name of the type.
    const NAME: &'static str;

    /// Decodes the record from the fields of an object that have not been decoded yet.
    fn decode_fields(decoder: &mut Decoder, fields: &mut Fields<'_>) -> Option<Self>;

    /// Returns the name of the provider in the record, if it has one.
    fn provider(&self) -> Option<&str>;

    /// Adds the fields to the schema of an object.
    fn describe(object: &mut ObjectSchema, form: Form);
}

impl<T: Record> Decode for T {
    fn decode(decoder: &mut Decoder, json: Json<'_>) -> Option<Self> {
        let fields = &mut decoder.object(json)?;
        T::decode_fields(decoder, fields)
    }
}

/// Declares a struct by its fields: `name: Type = declaration;`, each with a doc comment. The declaration is a
/// [`Field`](super::Field).
///
/// The macro derives decoding, serialization and the schema. The doc comments become the descriptions in the schema. A
/// description is the first paragraph of its comment.
macro_rules! record {
    (
        $(#[doc = $about:literal])+
        $record:ident {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $declaration:expr;)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $record {
            $($(#[doc = $doc])+ pub $field: $type,)+
            /// Fields that this version does not know.
            pub unknown_fields: $crate::UnknownFields,
        }

        impl $crate::decode::Record for $record {
            const NAME: &'static str = stringify!($record);

            fn decode_fields(
                decoder: &mut $crate::decode::Decoder,
                fields: &mut $crate::decode::Fields<'_>,
            ) -> Option<Self> {
                $(let $field = $declaration.decode(decoder, fields);)+
                let unknown_fields = decoder.unknown_fields(fields);
                Some(Self { $($field: $field?,)+ unknown_fields })
            }

            fn provider(&self) -> Option<&str> {
                None$(.or($declaration.provider(&self.$field)))+
            }

            fn describe(object: &mut $crate::schema::ObjectSchema, form: $crate::schema::Form) {
                object.describe(&[$($about),+]);
                $(object.add($declaration, form, &[$($doc),+]);)+
            }
        }

        impl serde::Serialize for $record {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $($declaration.serialize(&self.$field, &mut map)?;)+
                self.unknown_fields.serialize_into(&mut map)?;
                map.end()
            }
        }
    };
}
pub(crate) use record;

/// Implements `Deserialize` for types that implement `Decode`.
macro_rules! impl_deserialize {
    ($($type:ty),+ $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::decode::deserialize(deserializer, $crate::decode::Decode::decode)
            }
        }
    )+};
}
pub(crate) use impl_deserialize;
