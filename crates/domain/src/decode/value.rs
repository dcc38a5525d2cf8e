//! Decodes strings, arrays and user IDs.

use super::{Decoder, Rules};
use crate::json::{Json, Kind};
use crate::violation::ViolationCode;
use crate::{UserId, limits};

impl Decoder {
    /// Decodes any string.
    pub(crate) fn string(&mut self, json: Json<'_>) -> Option<String> {
        if json.kind() != Kind::String {
            return self.wrong_type(json, "a string");
        }
        match json.string() {
            Some(text) => Some(text.into_owned()),
            None if self.is_strict() => None, // The audit has recorded the violation.
            None => self.violation(ViolationCode::Malformed, "must be Unicode text"),
        }
    }

    /// Decodes a string with at most `max` characters.
    pub(super) fn text(&mut self, json: Json<'_>, max: usize) -> Option<String> {
        let text = self.string(json)?;
        // A character has at least one byte, so the characters of most texts need not be counted.
        if self.has_limits() && text.len() > max && text.chars().count() > max {
            return self.too_long(max, "characters");
        }
        Some(text)
    }

    /// Decodes a string with 1 to `max` characters.
    pub(super) fn filled_text(&mut self, json: Json<'_>, max: usize) -> Option<String> {
        let text = self.text(json, max)?;
        if self.has_limits() && text.is_empty() {
            return self.violation(ViolationCode::InvalidValue, "must not be empty");
        }
        Some(text)
    }

    /// Decodes an array with at most `max` elements.
    pub(super) fn array<T>(
        &mut self,
        json: Json<'_>,
        max: usize,
        mut decode: impl FnMut(&mut Self, Json<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        if json.kind() != Kind::Array {
            return self.wrong_type(json, "an array");
        }
        let is_too_long = self.has_limits() && json.elements().nth(max).is_some();
        if is_too_long {
            self.too_long::<()>(max, "elements");
        }
        // All elements are decoded, even after a violation, so that the violations of all elements are found.
        let elements: Vec<Option<T>> = json
            .elements()
            .enumerate()
            .map(|(index, element)| self.within_element(index, element, |decoder| decode(decoder, element)))
            .collect();
        if is_too_long { None } else { elements.into_iter().collect() }
    }

    pub(super) fn user_id(&mut self, json: Json<'_>) -> Option<UserId> {
        let text = self.string(json)?;
        let Ok(user_id) = UserId::try_from(text) else {
            return self.violation(ViolationCode::InvalidValue, "must not be empty");
        };
        if self.has_limits()
            && let Some((code, detail)) = user_id.violation()
        {
            // If the ID contains U+0000, the audit has recorded the violation.
            return if user_id.as_str().contains('\0') { None } else { self.violation(code, detail) };
        }
        if self.rules != Rules::Stored && user_id.as_str().len() > limits::USER_ID_BYTES {
            return self.too_long(limits::USER_ID_BYTES, "bytes");
        }
        Some(user_id)
    }

    fn too_long<T>(&mut self, max: usize, unit: &str) -> Option<T> {
        self.violation(ViolationCode::TooLong, format!("must have at most {max} {unit}"))
    }
}
