//! Decoding of JSON into the types of this crate.
//!
//! Stored ICPs and requests share one decoder, so that they cannot diverge. A decoding function that finds an invalid
//! value records a violation and returns `None`. Callers decode all parts before they return, so that the violations of
//! all parts are found, up to [`limits::VIOLATIONS`].

mod field;
pub(crate) mod format;
mod object;
mod record;
mod value;

use std::borrow::Cow;

use crate::json::{Audit, Flaw, FlawKind, Json, JsonText, Kind, Malformed, Pointer};
use crate::maybe_known::MaybeKnown;
use crate::violation::{ValidationErrors, Violation, ViolationCode};
use crate::{limits, pattern};

pub(crate) use field::{Field, optional};
pub(crate) use format::Format;
pub(crate) use object::Fields;
pub(crate) use record::{Record, impl_deserialize, record};

/// How strictly a document is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// For a stored ICP. The document must have the shape of an ICP. Unknown fields and values are preserved.
    Stored,
    /// For a record that will be stored unchanged. Like [`Rules::Stored`], but refuses values that a database cannot
    /// store.
    Storable,
    /// For a stored ICP that a program has changed. Like [`Rules::Storable`], but applies limits to known values.
    Edited,
    /// For a request. Accepts only known fields and values, which must be within their limits.
    Strict,
}

/// A type that is decoded from JSON.
pub(crate) trait Decode: Sized {
    fn decode(decoder: &mut Decoder, json: Json<'_>) -> Option<Self>;
}

/// Decodes a document.
pub(crate) fn document<T>(
    text: &str,
    rules: Rules,
    decode: impl FnOnce(&mut Decoder, Json<'_>) -> Option<T>,
) -> Result<T, ValidationErrors> {
    let json = Json::parse(text).map_err(|Malformed { line, column }| {
        whole_document(format!("invalid JSON at line {line}, column {column}"))
    })?;
    let mut decoder = Decoder::new(rules);
    decoder.audit(json);
    let value = decode(&mut decoder, json);
    decoder.finish()?;
    // If there is no violation, there is a value. If a defect breaks this rule, the result is an error and not a panic.
    value.ok_or_else(|| whole_document("the document cannot be read".to_owned()))
}

fn whole_document(detail: String) -> ValidationErrors {
    Violation { pointer: Pointer::default(), code: ViolationCode::Malformed, detail: detail.into() }.into()
}

/// Serializes a type of this crate.
#[expect(
    clippy::expect_used,
    reason = "a fallback such as an empty text would be stored instead of the value"
)]
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("all names are strings, and all values can be serialized")
}

/// Deserializes with serde, by the rules for stored ICPs.
pub(crate) fn deserialize<'de, T, D: serde::Deserializer<'de>>(
    deserializer: D,
    decode: fn(&mut Decoder, Json<'_>) -> Option<T>,
) -> Result<T, D::Error> {
    let text: JsonText = serde::Deserialize::deserialize(deserializer)?;
    document(text.as_str(), Rules::Stored, decode).map_err(serde::de::Error::custom)
}

/// The state of decoding one document.
pub(crate) struct Decoder {
    rules: Rules,
    /// The pointer to the value that is being decoded.
    pointer: Pointer,
    position: Position,
    violations: Vec<(Position, Violation)>,
    /// The total length in bytes of all recorded pointers.
    pointer_bytes: usize,
    /// The part of [`limits::REGEXES`] that is not used yet.
    remaining_pattern_chars: usize,
}

/// The address of a value's text. Addresses are in document order, because all values are parts of one text.
type Position = usize;

fn position(json: Json<'_>) -> Position {
    json.text().as_ptr().addr()
}

impl Decoder {
    fn new(rules: Rules) -> Self {
        Self {
            rules,
            pointer: Pointer::default(),
            position: 0,
            violations: Vec::new(),
            pointer_bytes: 0,
            remaining_pattern_chars: limits::REGEXES,
        }
    }

    /// Returns true if unknown fields, parts and names are violations, and the audit reports flaws of every kind.
    pub(crate) fn is_strict(&self) -> bool {
        self.rules == Rules::Strict
    }

    /// Returns true if the limits of [`limits`] apply.
    pub(crate) fn has_limits(&self) -> bool {
        matches!(self.rules, Rules::Strict | Rules::Edited)
    }

    /// Records a violation of the value that is being decoded. Returns `None`.
    pub(crate) fn violation<T>(
        &mut self,
        code: ViolationCode,
        detail: impl Into<Cow<'static, str>>,
    ) -> Option<T> {
        if self.has_room(&self.pointer) {
            let violation = Violation { pointer: self.pointer.clone(), code, detail: detail.into() };
            self.record(self.position, violation);
        }
        None
    }

    /// Records that a value does not have the expected JSON type.
    pub(crate) fn wrong_type<T>(&mut self, json: Json<'_>, expected: &str) -> Option<T> {
        self.wrong_value(ViolationCode::InvalidType, json, expected)
    }

    /// Records that a value differs from the expected value. The detail shows only short values, to limit its length.
    pub(crate) fn wrong_value<T>(
        &mut self,
        code: ViolationCode,
        json: Json<'_>,
        expected: &str,
    ) -> Option<T> {
        let shown = if json.text().len() <= MAX_SHOWN_BYTES { json.text() } else { kind_name(json.kind()) };
        self.violation(code, format!("must be {expected}, not {shown}"))
    }

    /// Returns true if a violation has been recorded.
    pub(crate) fn has_violations(&self) -> bool {
        !self.violations.is_empty()
    }

    /// Decodes a member. A violation has the position of the member's value, or the position of the object if the
    /// member is missing.
    pub(crate) fn within_member<T>(
        &mut self,
        name: &str,
        value: Option<Json<'_>>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let position = value.map_or(self.position, position);
        self.within(position, |pointer| pointer.push_member(name), read)
    }

    pub(crate) fn within_element<T>(
        &mut self,
        index: usize,
        value: Json<'_>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.within(position(value), |pointer| pointer.push_element(index), read)
    }

    fn within<T>(
        &mut self,
        at: Position,
        enter: impl FnOnce(&mut Pointer),
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let (length, position) = (self.pointer.as_str().len(), self.position);
        enter(&mut self.pointer);
        self.position = at;
        let result = read(self);
        self.pointer.truncate(length);
        self.position = position;
        result
    }

    /// Decodes a part of an ICP. Lenient rules preserve a part with unknown content unchanged.
    pub(crate) fn part<T: Decode>(&mut self, json: Json<'_>) -> Option<MaybeKnown<T>> {
        let rules = self.rules;
        if rules == Rules::Strict {
            return T::decode(self, json).map(MaybeKnown::Known);
        }
        let before = (self.violations.len(), self.pointer_bytes);
        self.rules = if rules == Rules::Edited { Rules::Storable } else { rules };
        let decoded = T::decode(self, json);
        self.rules = rules;
        match decoded {
            None => {
                self.violations.truncate(before.0);
                self.pointer_bytes = before.1;
                Some(MaybeKnown::Unknown(json.to_owned()))
            }
            Some(_) if rules == Rules::Edited => T::decode(self, json).map(MaybeKnown::Known),
            Some(known) => Some(MaybeKnown::Known(known)),
        }
    }

    /// Subtracts the cost of a pattern from the budget of the document, before the pattern is compiled. Without this
    /// budget, a body with many patterns would take seconds of CPU time.
    pub(crate) fn take_pattern(&mut self, pattern: &str) -> Option<()> {
        let Some(left) = self.remaining_pattern_chars.checked_sub(pattern::cost(pattern)) else {
            let detail = format!(
                "the regular expressions of a body must have at most {} characters together; in one with `(?i`, each \
                 `[` and each `\\` counts as {}",
                limits::REGEXES,
                limits::REGEX_CLASS
            );
            return self.violation(ViolationCode::TooLong, detail);
        };
        self.remaining_pattern_chars = left;
        Some(())
    }

    /// Returns true if another violation may be recorded. The first violation may always be recorded.
    fn has_room(&self, pointer: &Pointer) -> bool {
        let pointer_bytes = self.pointer_bytes + pointer.as_str().len();
        self.violations.is_empty()
            || (self.violations.len() < limits::VIOLATIONS
                && pointer_bytes <= limits::VIOLATION_POINTER_BYTES)
    }

    fn record(&mut self, position: Position, mut violation: Violation) {
        violation.pointer.truncate(limits::VIOLATION_POINTER_BYTES);
        self.pointer_bytes += violation.pointer.as_str().len();
        self.violations.push((position, violation));
    }

    /// Records the flaws of the JSON text, at any depth, that the rules do not allow. For example, only
    /// [`Rules::Strict`] does not allow duplicate names in unknown parts.
    fn audit(&mut self, json: Json<'_>) {
        self.position = position(json);
        let (max_depth, counts): (usize, fn(FlawKind) -> bool) = match self.rules {
            Rules::Stored => return,
            Rules::Storable | Rules::Edited => (usize::MAX, |kind| kind == FlawKind::Nul),
            Rules::Strict => (limits::NESTING, |_| true),
        };
        for flaw in Audit::new(json, max_depth).reporting(counts) {
            // Further flaws would not be reported.
            if !self.has_room(&flaw.pointer) {
                break;
            }
            self.record(self.position + flaw.offset, flaw.into());
        }
    }

    /// Fails with the recorded violations in document order, if there are any.
    fn finish(mut self) -> Result<(), ValidationErrors> {
        self.violations.sort_by_key(|(position, _)| *position);
        ValidationErrors::check(self.violations.into_iter().map(|(_, violation)| violation).collect())
    }
}

impl<'de, T: Decode> serde::Deserialize<'de> for MaybeKnown<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer, Decoder::part)
    }
}

/// Maximum length in bytes of a name or value that the detail of a violation shows.
const MAX_SHOWN_BYTES: usize = 64;

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Boolean => "a boolean",
        Kind::Number => "this number",
        Kind::String => "this string",
        Kind::Array => "an array",
        Kind::Object => "an object",
    }
}

impl From<Flaw> for Violation {
    fn from(flaw: Flaw) -> Self {
        let (code, detail) = match flaw.kind {
            FlawKind::TooDeep => (
                ViolationCode::OutOfRange,
                Cow::Owned(format!("must be nested at most {} levels deep", limits::NESTING)),
            ),
            FlawKind::DuplicateName => (ViolationCode::Duplicate, "duplicate name in an object".into()),
            FlawKind::Nul => (ViolationCode::InvalidValue, "must not contain the character U+0000".into()),
            FlawKind::NotUnicode => {
                (ViolationCode::Malformed, "must be Unicode text, without half of a surrogate pair".into())
            }
        };
        Self { pointer: flaw.pointer, code, detail }
    }
}
