//! Decodes the members of an object.

use super::{Decoder, MAX_SHOWN_BYTES};
use crate::json::{Json, Kind, Member};
use crate::unknown_fields::UnknownFields;
use crate::violation::ViolationCode;

/// The members of an object that have not been decoded yet.
pub(crate) struct Fields<'a>(Vec<Member<'a>>);

impl Decoder {
    /// Returns the members of an object. Records a violation if the value is not an object.
    pub(crate) fn object<'a>(&mut self, json: Json<'a>) -> Option<Fields<'a>> {
        if json.kind() != Kind::Object {
            return self.wrong_type(json, "an object");
        }
        let mut members: Vec<_> = json.members().collect();
        if self.is_strict() {
            // The audit has recorded a violation for each member whose name is not Unicode text.
            members.retain(|member| member.name_is_unicode);
        } else if !members.iter().all(|member| member.name_is_unicode) {
            return self.violation(ViolationCode::Malformed, "must have names that are Unicode text");
        }
        Some(Fields(members))
    }

    /// Decodes a member. Returns `Some(None)` if it is absent.
    #[expect(clippy::option_option, reason = "the outer option is None if the value is invalid")]
    pub(crate) fn member<'a, T>(
        &mut self,
        fields: &mut Fields<'a>,
        name: &'static str,
        decode: impl FnOnce(&mut Self, Json<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        let Some(value) = fields.take(name) else { return Some(None) };
        // If a name appears twice, some parsers use the first value and others the last. This parser refuses both
        // values.
        if let Some(second) = fields.take(name) {
            fields.0.retain(|member| member.name != name);
            if self.is_strict() {
                return None; // The audit has recorded the violation.
            }
            return self.within_member(name, Some(second), |decoder| {
                decoder.violation(ViolationCode::Duplicate, "duplicate name in an object")
            });
        }
        self.within_member(name, Some(value), |decoder| decode(decoder, value)).map(Some)
    }

    /// Decodes a member that must be present.
    pub(crate) fn required_member<'a, T>(
        &mut self,
        fields: &mut Fields<'a>,
        name: &'static str,
        decode: impl FnOnce(&mut Self, Json<'a>) -> Option<T>,
    ) -> Option<T> {
        self.member(fields, name, decode)?.or_else(|| self.missing(name))
    }

    /// Records that a required member is missing.
    pub(crate) fn missing<T>(&mut self, name: &'static str) -> Option<T> {
        self.within_member(name, None, |decoder| {
            decoder.violation(ViolationCode::Required, format!("missing required field `{name}`"))
        })
    }

    /// Returns the members that remain after all known members have been decoded. Under strict rules, records a
    /// violation for each of them instead.
    pub(crate) fn unknown_fields(&mut self, fields: &mut Fields<'_>) -> UnknownFields {
        let mut unknown = UnknownFields::default();
        for member in fields.0.drain(..) {
            if self.is_strict() {
                // A long name is only in the pointer, so that a small body does not cause a large response.
                let shown = if member.name.len() <= MAX_SHOWN_BYTES { &member.name } else { "..." };
                self.within_member(&member.name, Some(member.value), |decoder| {
                    decoder.violation::<()>(ViolationCode::UnknownField, format!("unknown field `{shown}`"))
                });
            } else {
                unknown.push(member.name.into_owned(), member.value.to_owned());
            }
        }
        unknown
    }
}

impl<'a> Fields<'a> {
    fn take(&mut self, name: &str) -> Option<Json<'a>> {
        let at = self.0.iter().position(|member| member.name == name)?;
        Some(self.0.remove(at).value)
    }
}
