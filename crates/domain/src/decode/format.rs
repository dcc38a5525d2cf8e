//! The formats of values. Each format has a decoding function and a schema.
//!
//! Limits apply to requests. Stored ICPs are read leniently, so schemas of responses have no limits.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Decode, Decoder};
use crate::json::{Json, JsonText, Kind, NotInteger};
use crate::maybe_known::MaybeKnown;
use crate::open_enum::OpenEnum;
use crate::schema::{Component, Side, with_limits};
use crate::violation::ViolationCode;
use crate::{IcpId, Timestamp, UserId, limits, pattern, text};

/// The format of a value: its decoding function and its schema.
pub(crate) trait Format {
    type Value: Serialize;

    fn decode(&self, decoder: &mut Decoder, json: Json<'_>) -> Option<Self::Value>;

    /// Returns the schema without a description.
    fn schema(&self, side: Side) -> Value;
}

struct FormatFunctions<D, S>(D, S);

impl<T: Serialize, D, S> Format for FormatFunctions<D, S>
where
    D: Fn(&mut Decoder, Json<'_>) -> Option<T>,
    S: Fn(Side) -> Value,
{
    type Value = T;

    fn decode(&self, decoder: &mut Decoder, json: Json<'_>) -> Option<T> {
        self.0(decoder, json)
    }

    fn schema(&self, side: Side) -> Value {
        self.1(side)
    }
}

fn format<T: Serialize>(
    decode: impl Fn(&mut Decoder, Json<'_>) -> Option<T>,
    schema: impl Fn(Side) -> Value,
) -> impl Format<Value = T> {
    FormatFunctions(decode, schema)
}

/// A string with at most `max` characters.
pub(crate) fn text(max: usize) -> impl Format<Value = String> {
    format(
        move |decoder, json| decoder.text(json, max),
        move |side| with_limits(side, json!({"type": "string"}), json!({"maxLength": max})),
    )
}

/// A string with 1 to `max` characters.
pub(crate) fn filled_text(max: usize) -> impl Format<Value = String> {
    format(
        move |decoder, json| decoder.filled_text(json, max),
        move |side| with_limits(side, json!({"type": "string"}), json!({"minLength": 1, "maxLength": max})),
    )
}

/// A string with 1 to `max` characters, not all of which are white space.
pub(crate) fn visible_text(max: usize) -> impl Format<Value = String> {
    format(
        move |decoder, json| {
            let text = decoder.filled_text(json, max)?;
            if decoder.has_limits() && text.chars().all(text::is_white_space) {
                let detail = "must contain a character that is not white space";
                return decoder.violation(ViolationCode::InvalidValue, detail);
            }
            Some(text)
        },
        move |side| {
            let limits = json!({"minLength": 1, "maxLength": max, "pattern": text::VISIBLE});
            with_limits(side, json!({"type": "string"}), limits)
        },
    )
}

/// An ECMAScript regular expression without flags.
pub(crate) fn regex() -> impl Format<Value = String> {
    format(
        |decoder, json| {
            let regex = decoder.text(json, limits::REGEX)?;
            if decoder.has_limits() {
                decoder.take_pattern(&regex)?;
                if !pattern::is_valid(&regex) {
                    let detail = "must be an ECMAScript regular expression without flags";
                    return decoder.violation(ViolationCode::InvalidValue, detail);
                }
            }
            Some(regex)
        },
        |side| with_limits(side, json!({"type": "string"}), json!({"maxLength": limits::REGEX})),
    )
}

/// A name in an enumeration that newer versions may extend.
pub(crate) fn open<T: OpenEnum>() -> impl Format<Value = T> {
    format(
        |decoder, json| {
            let value = T::from(decoder.string(json)?);
            if decoder.is_strict() && !T::NAMES.contains(&value.as_ref()) {
                let names = T::NAMES.join("\" or \"");
                return decoder.wrong_value(ViolationCode::InvalidValue, json, &format!("\"{names}\""));
            }
            Some(value)
        },
        |side| match side {
            Side::Response => json!({"type": "string", "examples": T::NAMES}),
            Side::Request => json!({"type": "string", "enum": T::NAMES}),
        },
    )
}

/// An integer in any notation.
pub(crate) fn integer(range: RangeInclusive<i64>) -> impl Format<Value = i64> {
    let (min, max) = (*range.start(), *range.end());
    format(
        move |decoder, json| match json.integer() {
            Ok(integer) if !decoder.has_limits() || range.contains(&integer) => Some(integer),
            Ok(_) | Err(NotInteger::TooLarge) => {
                decoder.wrong_value(ViolationCode::OutOfRange, json, &format!("from {min} to {max}"))
            }
            Err(NotInteger::Fraction | NotInteger::OtherKind) => {
                decoder.wrong_type(json, &format!("an integer from {min} to {max}"))
            }
        },
        move |side| {
            let schema = json!({"type": "integer", "format": "int64"});
            with_limits(side, schema, json!({"minimum": min, "maximum": max}))
        },
    )
}

/// A boolean.
pub(crate) fn boolean() -> impl Format<Value = bool> {
    format(
        |decoder, json| json.boolean().or_else(|| decoder.wrong_type(json, "true or false")),
        |_| json!({"type": "boolean"}),
    )
}

/// An RFC 3339 time.
pub(crate) fn time() -> impl Format<Value = Timestamp> {
    const EXPECTED: &str = "an RFC 3339 time such as 2024-01-15T10:30:00.000Z, in the years 0000 to 9999";
    format(
        |decoder, json| {
            let text = decoder.string(json)?;
            text.parse().ok().or_else(|| decoder.wrong_value(ViolationCode::InvalidValue, json, EXPECTED))
        },
        |_| json!({"type": "string", "format": "date-time", "examples": ["2024-01-15T10:30:00.000Z"]}),
    )
}

/// The ID of an ICP.
pub(crate) fn icp_id() -> impl Format<Value = IcpId> {
    const EXPECTED: &str = "a UUID such as 550e8400-e29b-41d4-a716-446655440000";
    format(
        |decoder, json| {
            let text = decoder.string(json)?;
            text.parse().ok().or_else(|| decoder.wrong_value(ViolationCode::InvalidValue, json, EXPECTED))
        },
        |_| json!({"type": "string", "format": "uuid"}),
    )
}

/// The users of an ICP, without duplicates.
pub(crate) fn user_ids() -> impl Format<Value = Vec<UserId>> {
    format(
        |decoder, json| {
            let mut seen = HashSet::new();
            decoder.array(json, limits::USERS, |decoder, element| {
                let user_id = decoder.user_id(element)?;
                if decoder.has_limits() && !seen.insert(user_id.clone()) {
                    return decoder.violation(ViolationCode::Duplicate, "duplicate user ID");
                }
                Some(user_id)
            })
        },
        |side| {
            let pattern = format!("^{}+$", text::VISIBLE);
            let limits = json!({"minLength": 1, "maxLength": limits::USER_ID, "pattern": pattern});
            let items = with_limits(side, json!({"type": "string", "examples": ["user_2abc"]}), limits);
            let limits = json!({"maxItems": limits::USERS, "uniqueItems": true});
            with_limits(side, json!({"type": "array", "items": items}), limits)
        },
    )
}

/// Any JSON value, which is stored as it was sent, without white space between its tokens.
pub(crate) fn any_json() -> impl Format<Value = JsonText> {
    format(|_, json| Some(json.to_owned()), |_| json!({}))
}

/// The filters of a lead provider: an object with any content, which is stored as it was sent, without white space
/// between its tokens.
pub(crate) fn lead_provider_filters() -> impl Format<Value = JsonText> {
    format(
        |decoder, json| match json.kind() {
            Kind::Object => Some(json.to_owned()),
            _ => decoder.wrong_type(json, "an object"),
        },
        |_| Side::Response.reference("LeadProviderFilters"),
    )
}

/// A part of an ICP, see [`MaybeKnown`].
pub(crate) fn part<T: Decode + Component + Serialize>() -> impl Format<Value = MaybeKnown<T>> {
    format(Decoder::part, T::reference)
}

/// An array with at most `max` elements.
pub(crate) fn list<F: Format>(element: F, max: usize) -> impl Format<Value = Vec<F::Value>> {
    List { element, max }
}

struct List<F> {
    element: F,
    max: usize,
}

impl<F: Format> Format for List<F> {
    type Value = Vec<F::Value>;

    fn decode(&self, decoder: &mut Decoder, json: Json<'_>) -> Option<Vec<F::Value>> {
        decoder.array(json, self.max, |decoder, element| self.element.decode(decoder, element))
    }

    fn schema(&self, side: Side) -> Value {
        let schema = json!({"type": "array", "items": self.element.schema(side)});
        with_limits(side, schema, json!({"maxItems": self.max}))
    }
}

/// `null`, or a value.
pub(crate) fn nullable<F: Format>(format: F) -> impl Format<Value = Option<F::Value>> {
    Nullable(format)
}

struct Nullable<F>(F);

impl<F: Format> Format for Nullable<F> {
    type Value = Option<F::Value>;

    fn decode(&self, decoder: &mut Decoder, json: Json<'_>) -> Option<Option<F::Value>> {
        if json.kind() == Kind::Null { Some(None) } else { self.0.decode(decoder, json).map(Some) }
    }

    fn schema(&self, side: Side) -> Value {
        let mut schema = self.0.schema(side);
        if schema.get("$ref").is_some() {
            return json!({"oneOf": [schema, {"type": "null"}]});
        }
        if let Some(kind) = schema.get_mut("type") {
            *kind = json!([kind, "null"]);
        }
        schema
    }
}

/// The value of a field that may be absent.
pub(super) struct Present<F>(pub(super) F);

impl<F: Format> Format for Present<F> {
    type Value = Option<F::Value>;

    fn decode(&self, decoder: &mut Decoder, json: Json<'_>) -> Option<Option<F::Value>> {
        self.0.decode(decoder, json).map(Some)
    }

    fn schema(&self, side: Side) -> Value {
        self.0.schema(side)
    }
}
