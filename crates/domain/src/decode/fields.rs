//! The members of one object, taken out one by one.

use super::Decoder;
use crate::extra::ExtraMembers;
use crate::fault::FaultCode;
use crate::json::{Json, Kind, Member};

/// The members of an object that nobody has taken yet.
pub(crate) struct Fields<'a>(Vec<Member<'a>>);

impl Decoder {
    /// The members of the object that the value must be.
    pub(crate) fn object<'a>(&mut self, json: Json<'a>) -> Option<Fields<'a>> {
        if json.kind() != Kind::Object {
            return self.fault(FaultCode::InvalidType, "must be an object");
        }
        let mut members: Vec<_> = json.members().collect();
        if self.is_strict() {
            // The audit of the whole document has noted the others.
            members.retain(|member| member.name_is_unicode);
        } else if !members.iter().all(|member| member.name_is_unicode) {
            return self.fault(FaultCode::Malformed, "must have names that are Unicode text");
        }
        Some(Fields(members))
    }

    /// A member that must be there.
    pub(crate) fn required<'a, T>(
        &mut self,
        fields: &mut Fields<'a>,
        name: &'static str,
        read: impl FnOnce(&mut Self, Json<'a>) -> Option<T>,
    ) -> Option<T> {
        match self.optional(fields, name, read)? {
            Some(value) => Some(value),
            None => self.within_member(name, |decoder| {
                decoder.fault(FaultCode::Required, format!("must be there: `{name}` is required"))
            }),
        }
    }

    /// A member that may be absent: `Some(None)` then.
    #[expect(
        clippy::option_option,
        reason = "the outer one says whether it could be read, the inner whether it is there"
    )]
    pub(crate) fn optional<'a, T>(
        &mut self,
        fields: &mut Fields<'a>,
        name: &'static str,
        read: impl FnOnce(&mut Self, Json<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        let Some(value) = fields.take(name) else { return Some(None) };
        // What comes last wins in most readers, and first in some: a name that stands twice has no value.
        if fields.take(name).is_some() {
            fields.0.retain(|member| member.name != name);
            return self.within_member(name, Self::repeated);
        }
        self.within_member(name, |decoder| read(decoder, value)).map(Some)
    }

    /// A member that may be absent, and then has a default.
    pub(crate) fn or_else<'a, T>(
        &mut self,
        fields: &mut Fields<'a>,
        name: &'static str,
        default: impl FnOnce() -> T,
        read: impl FnOnce(&mut Self, Json<'a>) -> Option<T>,
    ) -> Option<T> {
        self.optional(fields, name, read).map(|value| value.unwrap_or_else(default))
    }

    /// What is left when all known members are taken: kept when read, faults when written.
    pub(crate) fn extra(&mut self, fields: &mut Fields<'_>) -> ExtraMembers {
        let mut extra = ExtraMembers::default();
        for member in fields.0.drain(..) {
            if self.is_strict() {
                self.within_member(&member.name, |decoder| {
                    decoder.fault::<()>(FaultCode::UnknownField, "must be left out: no such field is known")
                });
            } else {
                extra.push(member.name.into_owned(), member.value.to_owned());
            }
        }
        extra
    }

    fn repeated<T>(&mut self) -> Option<T> {
        if self.is_strict() {
            return None; // The audit of the whole document has noted it.
        }
        self.fault(FaultCode::Duplicate, "must have each name once in an object")
    }
}

impl<'a> Fields<'a> {
    fn take(&mut self, name: &str) -> Option<Json<'a>> {
        let at = self.0.iter().position(|member| member.name == name)?;
        Some(self.0.remove(at).value)
    }
}
