use serde::ser::SerializeMap;

use super::format::Present;
use super::{Decoder, Fields, Format};
use crate::violation::ViolationCode;

/// The declaration of a field: its name on the wire, the format of its value, and its default.
pub(crate) struct Field<F: Format> {
    pub(crate) name: &'static str,
    pub(crate) format: F,
    /// The value of an absent field. Without a default the field is required, unless `new_default` applies.
    pub(crate) default: Option<F::Value>,
    /// The value of a field that is absent from the body that creates an ICP, if this value differs from `default`.
    pub(crate) new_default: Option<F::Value>,
    /// True if only the service sets the field. The body that creates an ICP must not have it.
    pub(crate) is_read_only: bool,
    /// Returns true for a value that is omitted on serialization. `None` if every value is written.
    pub(crate) is_absent: Option<fn(&F::Value) -> bool>,
    /// Returns the provider that a value names. `None` if the field does not name a provider.
    provider: Option<fn(&F::Value) -> &str>,
}

impl<F: Format> Field<F> {
    pub(crate) fn required(name: &'static str, format: F) -> Self {
        Self {
            name,
            format,
            default: None,
            new_default: None,
            is_read_only: false,
            is_absent: None,
            provider: None,
        }
    }

    pub(crate) fn with_default(name: &'static str, format: F, default: F::Value) -> Self {
        Self { default: Some(default), ..Self::required(name, format) }
    }

    /// Declares a field that is required, except in the body that creates an ICP.
    pub(crate) fn default_in_new_icp(name: &'static str, format: F, default: F::Value) -> Self {
        Self { new_default: Some(default), ..Self::required(name, format) }
    }

    /// Declares a field that only the service sets. Until the service sets it, its value is the placeholder.
    pub(crate) fn read_only(name: &'static str, format: F, placeholder: F::Value) -> Self {
        Self { is_read_only: true, ..Self::default_in_new_icp(name, format, placeholder) }
    }

    /// Decodes the field. If it is absent, returns its default, or records a violation if there is no default.
    pub(crate) fn decode(self, decoder: &mut Decoder, fields: &mut Fields<'_>) -> Option<F::Value> {
        let present = self.decode_present(decoder, fields)?;
        present.or(self.default).or_else(|| decoder.missing(self.name))
    }

    /// Decodes the field of the body that creates an ICP.
    pub(crate) fn decode_new(self, decoder: &mut Decoder, fields: &mut Fields<'_>) -> Option<F::Value> {
        let present = if self.is_read_only {
            decoder.member(fields, self.name, |decoder, _| {
                decoder.violation(ViolationCode::ReadOnly, "read-only field: only the service sets it")
            })
        } else {
            self.decode_present(decoder, fields)
        };
        present?.or(self.new_default).or(self.default).or_else(|| decoder.missing(self.name))
    }

    /// Decodes the field if it is present. Returns `Some(None)` if it is absent.
    #[expect(clippy::option_option, reason = "the outer option is None if the value is invalid")]
    pub(crate) fn decode_present(
        &self,
        decoder: &mut Decoder,
        fields: &mut Fields<'_>,
    ) -> Option<Option<F::Value>> {
        decoder.member(fields, self.name, |decoder, json| self.format.decode(decoder, json))
    }

    pub(crate) fn serialize<M: SerializeMap>(&self, value: &F::Value, map: &mut M) -> Result<(), M::Error> {
        let is_absent = self.is_absent.is_some_and(|is_absent| is_absent(value));
        if is_absent { Ok(()) } else { map.serialize_entry(self.name, value) }
    }

    /// Serializes the field in the body that creates an ICP.
    pub(crate) fn serialize_new<M: SerializeMap>(
        &self,
        value: &F::Value,
        map: &mut M,
    ) -> Result<(), M::Error> {
        if self.is_read_only { Ok(()) } else { self.serialize(value, map) }
    }

    /// Returns the name of the provider that the value names.
    pub(crate) fn provider<'v>(&self, value: &'v F::Value) -> Option<&'v str> {
        self.provider.map(|provider| provider(value))
    }
}

impl<F: Format<Value: AsRef<str>>> Field<F> {
    /// Declares a required field that names a provider. Lists can be filtered by the provider.
    pub(crate) fn provider_name(name: &'static str, format: F) -> Self {
        Self { provider: Some(F::Value::as_ref), ..Self::required(name, format) }
    }
}

/// Declares a field that may be absent. An absent field and null are different values.
pub(crate) fn optional<F: Format>(
    name: &'static str,
    format: F,
) -> Field<impl Format<Value = Option<F::Value>>> {
    Field { is_absent: Some(Option::is_none), ..Field::with_default(name, Present(format), None) }
}
