//! Texts, numbers and arrays, with the limits that hold for writing.

use std::ops::RangeInclusive;

use super::{Decode, Decoder};
use crate::fault::FaultCode;
use crate::json::{Json, Kind, NotInteger};
use crate::open_enum::OpenEnum;
use crate::part::Part;
use crate::{IcpId, Timestamp, UserId, limits};

impl Decoder {
    /// `null`, or what `read` reads.
    #[expect(
        clippy::option_option,
        reason = "the outer one says whether it could be read, the inner is the value"
    )]
    pub(crate) fn nullable<T>(
        &mut self,
        json: Json<'_>,
        read: impl FnOnce(&mut Self, Json<'_>) -> Option<T>,
    ) -> Option<Option<T>> {
        if json.kind() == Kind::Null { Some(None) } else { read(self, json).map(Some) }
    }

    /// Any text; at most `max` characters when written.
    pub(crate) fn text(&mut self, json: Json<'_>, max: usize) -> Option<String> {
        if json.kind() != Kind::String {
            return self.fault(FaultCode::InvalidType, "must be a string");
        }
        let Some(text) = json.string() else {
            // When written, the audit of the whole document has noted it.
            return if self.is_strict() {
                None
            } else {
                self.fault(FaultCode::Malformed, "must be Unicode text")
            };
        };
        // A character has at least one byte: most texts need no counting.
        if self.is_strict() && text.len() > max && text.chars().count() > max {
            return self.fault(FaultCode::TooLong, format!("must have at most {max} characters"));
        }
        Some(text.into_owned())
    }

    /// A text that has at least one character when written.
    pub(crate) fn filled_text(&mut self, json: Json<'_>, max: usize) -> Option<String> {
        let text = self.text(json, max)?;
        if self.is_strict() && text.is_empty() {
            return self.fault(FaultCode::InvalidValue, "must not be empty");
        }
        Some(text)
    }

    /// A value of an enumeration that newer versions may extend.
    pub(crate) fn open<T: OpenEnum>(&mut self, json: Json<'_>) -> Option<T> {
        let value = T::from(self.text(json, usize::MAX)?);
        if self.is_strict() && !value.is_known() {
            return self.fault(FaultCode::InvalidValue, format!("must be {}", T::expected()));
        }
        Some(value)
    }

    /// An integer, however it is written; within `range` when written.
    pub(crate) fn integer(&mut self, json: Json<'_>, range: &RangeInclusive<i64>) -> Option<i64> {
        let (least, most) = (range.start(), range.end());
        let integer = match json.integer() {
            Ok(integer) => integer,
            Err(NotInteger::TooLarge) => {
                return self.fault(FaultCode::OutOfRange, format!("must be from {least} to {most}"));
            }
            Err(NotInteger::Fraction | NotInteger::OtherKind) => {
                return self
                    .fault(FaultCode::InvalidType, format!("must be an integer from {least} to {most}"));
            }
        };
        if self.is_strict() && !range.contains(&integer) {
            return self.fault(FaultCode::OutOfRange, format!("must be from {least} to {most}"));
        }
        Some(integer)
    }

    pub(crate) fn boolean(&mut self, json: Json<'_>) -> Option<bool> {
        json.boolean().or_else(|| self.fault(FaultCode::InvalidType, "must be true or false"))
    }

    pub(crate) fn timestamp(&mut self, json: Json<'_>) -> Option<Timestamp> {
        let text = self.text(json, usize::MAX)?;
        text.parse().ok().or_else(|| {
            let detail =
                "must be an RFC 3339 time such as 2024-01-15T10:30:00.000Z, in the years 0000 to 9999";
            self.fault(FaultCode::InvalidValue, detail)
        })
    }

    pub(crate) fn icp_id(&mut self, json: Json<'_>) -> Option<IcpId> {
        let text = self.text(json, usize::MAX)?;
        text.parse().ok().or_else(|| {
            let detail = "must be a UUID such as 550e8400-e29b-41d4-a716-446655440000";
            self.fault(FaultCode::InvalidValue, detail)
        })
    }

    /// An array, at most `max` elements long when written.
    pub(crate) fn array<T>(
        &mut self,
        json: Json<'_>,
        max: usize,
        mut read: impl FnMut(&mut Self, Json<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        if json.kind() != Kind::Array {
            return self.fault(FaultCode::InvalidType, "must be an array");
        }
        if self.is_strict() && json.elements().nth(max).is_some() {
            return self.fault(FaultCode::TooLong, format!("must have at most {max} elements"));
        }
        // Every element is read, also after one that is at fault: all faults are wanted.
        let elements: Vec<Option<T>> = json
            .elements()
            .enumerate()
            .map(|(index, element)| self.within_element(index, |decoder| read(decoder, element)))
            .collect();
        elements.into_iter().collect()
    }

    /// An array of parts, see [`Part`].
    pub(crate) fn parts<T: Decode>(&mut self, json: Json<'_>, max: usize) -> Option<Vec<Part<T>>> {
        self.array(json, max, Self::part)
    }

    /// The users of an ICP, each once when written.
    pub(crate) fn user_ids(&mut self, json: Json<'_>) -> Option<Vec<UserId>> {
        let mut seen = std::collections::HashSet::new();
        self.array(json, limits::USERS, |decoder, element| {
            let user_id = decoder.user_id(element)?;
            if decoder.is_strict() && !seen.insert(user_id.clone()) {
                return decoder.fault(FaultCode::Duplicate, "must be listed once");
            }
            Some(user_id)
        })
    }

    fn user_id(&mut self, json: Json<'_>) -> Option<UserId> {
        let text = self.text(json, limits::USER_ID)?;
        if self.is_strict() && text.contains(char::is_whitespace) {
            return self.fault(FaultCode::InvalidValue, "must not hold white space");
        }
        if self.is_to_be_stored() && text.len() > limits::USER_ID_BYTES {
            let detail = format!("must have at most {} bytes", limits::USER_ID_BYTES);
            return self.fault(FaultCode::TooLong, detail);
        }
        text.try_into().ok().or_else(|| self.fault(FaultCode::InvalidValue, "must not be empty"))
    }
}
