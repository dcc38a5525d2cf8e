//! Query parameters. Each parameter is declared once, in a table. The parser, the OpenAPI document and the schemas of
//! MCP derive from the tables.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::num::NonZeroUsize;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use icp_domain::{Timestamp, ViolationCode, limits};
use percent_encoding::percent_decode;
use serde_json::{Value as Json, json};
use url::form_urlencoded;

use crate::http::error::{ApiError, ParameterViolation};
use crate::http::middleware::StrictHandling;

/// Maximum length in bytes of a value that the detail of a violation shows.
const MAX_SHOWN_BYTES: usize = 64;

/// One parameter, and the function that sets its value in a `T`.
pub(crate) struct Parameter<T> {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) description: &'static str,
    pub(crate) set: fn(&mut T, Value),
}

/// The valid values of a parameter.
pub(crate) enum Kind {
    Flag,
    Time,
    /// Not empty, at most this many characters, and without U+0000.
    Text(usize),
    /// One of these texts. The first one is the default.
    Choice(&'static [&'static str]),
    /// From 1 to this number.
    Count(NonZeroUsize),
    /// Text that only the service interprets.
    Opaque,
}

/// A valid value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Flag(bool),
    Time(Timestamp),
    Text(String),
    /// The index among the choices.
    Choice(usize),
    Count(NonZeroUsize),
}

impl Kind {
    fn parse(&self, text: &str) -> Result<Value, (ViolationCode, Cow<'static, str>)> {
        // The detail of a violation shows the value only if it is short.
        let shown = if text.len() <= MAX_SHOWN_BYTES { format!(", not \"{text}\"") } else { String::new() };
        let invalid =
            |expected: &str| (ViolationCode::InvalidValue, format!("must be {expected}{shown}").into());
        match self {
            Self::Flag => match text {
                "true" => Ok(Value::Flag(true)),
                "false" => Ok(Value::Flag(false)),
                _ => Err(invalid("\"true\" or \"false\"")),
            },
            // `decode` converts an unescaped plus sign to a space. A time contains no space, so each space was a plus
            // sign. Stored times have milliseconds, and each filter means "at or after" or "before" a time. Therefore,
            // rounding a smaller fraction up does not change which ICPs match.
            Self::Time => {
                Timestamp::parse_and_round_up(&text.replace(' ', "+")).map(Value::Time).map_err(|_| {
                    invalid("an RFC 3339 time such as 2024-01-15T10:30:00.000Z, in the years 0000 to 9999")
                })
            }
            Self::Text(_) if text.is_empty() || text.contains('\0') => {
                Err((ViolationCode::InvalidValue, "must not be empty or contain U+0000".into()))
            }
            Self::Text(max) if text.chars().count() > *max => {
                Err((ViolationCode::TooLong, format!("must have at most {max} characters").into()))
            }
            Self::Text(_) | Self::Opaque => Ok(Value::Text(text.to_owned())),
            Self::Choice(choices) => {
                let index = choices.iter().position(|choice| *choice == text);
                index.map(Value::Choice).ok_or_else(|| {
                    let choices: Vec<_> = choices.iter().map(|choice| format!("\"{choice}\"")).collect();
                    invalid(&choices.join(" or "))
                })
            }
            Self::Count(max) => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                let code = if is_integer { ViolationCode::OutOfRange } else { ViolationCode::InvalidType };
                let count = text.parse().ok().filter(|count| is_integer && count <= max);
                count
                    .map(Value::Count)
                    .ok_or_else(|| (code, format!("must be an integer from 1 to {max}{shown}").into()))
            }
        }
    }

    /// Returns the JSON Schema of the valid values.
    pub(crate) fn schema(&self) -> Json {
        match self {
            Self::Flag => json!({"type": "boolean"}),
            Self::Time => json!({"type": "string", "format": "date-time"}),
            Self::Text(max) => json!({"type": "string", "minLength": 1, "maxLength": max}),
            Self::Choice(choices) => json!({"type": "string", "enum": choices, "default": choices.first()}),
            Self::Count(max) => json!({"type": "integer", "minimum": 1, "maximum": max}),
            Self::Opaque => json!({"type": "string"}),
        }
    }
}

/// The parsed parameters of a request, and their texts.
#[derive(Debug, PartialEq)]
pub(in crate::http) struct Parsed<T> {
    pub(in crate::http) value: T,
    /// The names and the decoded texts of the known parameters, in the order in which they were sent.
    pub(in crate::http) sent: Vec<(&'static str, String)>,
}

/// Parses pairs of name and text. `None` stands for a name or text that is not UTF-8. Unknown names are violations if
/// `is_strict` is true, and otherwise ignored. Reports at most [`limits::VIOLATIONS`] violations.
pub(in crate::http) fn parse<'a, T: Default>(
    table: &'static [Parameter<T>],
    pairs: impl IntoIterator<Item = (Option<Cow<'a, str>>, Option<Cow<'a, str>>)>,
    is_strict: bool,
) -> Result<Parsed<T>, ApiError> {
    let mut parsed = Parsed { value: T::default(), sent: Vec::new() };
    let mut seen: Vec<&'static str> = Vec::new();
    let mut violations = Vec::new();
    for (name, text) in pairs {
        if violations.len() == limits::VIOLATIONS {
            break;
        }
        let name = name.unwrap_or(Cow::Borrowed("\u{fffd}"));
        let Some(parameter) = table.iter().find(|parameter| parameter.name == name) else {
            if is_strict {
                let known: Vec<_> = table.iter().map(|parameter| parameter.name).collect();
                let detail = match known.as_slice() {
                    [] => "unknown parameter; this request has no parameters".to_owned(),
                    known => format!("unknown parameter; the known parameters are {}", known.join(", ")),
                };
                violations.push(ParameterViolation::new(
                    name.into_owned(),
                    ViolationCode::UnknownField,
                    detail,
                ));
            }
            continue;
        };
        let name = parameter.name;
        if seen.contains(&name) {
            violations.push(ParameterViolation::new(name, ViolationCode::Duplicate, "must be sent once"));
            continue;
        }
        seen.push(name);
        let Some(text) = text else {
            violations.push(ParameterViolation::new(name, ViolationCode::Malformed, "must be UTF-8"));
            continue;
        };
        match parameter.kind.parse(&text) {
            Ok(value) => (parameter.set)(&mut parsed.value, value),
            Err((code, detail)) => violations.push(ParameterViolation::new(name, code, detail)),
        }
        parsed.sent.push((name, text.into_owned()));
    }
    if violations.is_empty() { Ok(parsed) } else { Err(ApiError::InvalidParameters(violations)) }
}

/// Splits a query, and decodes its names and values.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (Option<Cow<'_, str>>, Option<Cow<'_, str>>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

/// Decodes plus signs and percent-encoded bytes. Returns `None` if the result is not UTF-8.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['+', '%']) {
        return Some(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    percent_decode(spaced.as_bytes()).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()))
}

/// The query parameters of a handler.
pub(in crate::http) trait ParameterTable: Default + 'static {
    const PARAMETERS: &'static [Parameter<Self>];
}

/// The query of a request. With `Prefer: handling=strict` (RFC 7240), unknown parameters are violations.
pub(in crate::http) struct Query<T>(pub(in crate::http) Parsed<T>);

impl<T: ParameterTable> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let is_strict = prefers_strict_handling(request);
        if is_strict {
            request.extensions_mut().insert(StrictHandling);
        }
        ready(parse(T::PARAMETERS, pairs(request.query_string()), is_strict).map(Self))
    }
}

fn prefers_strict_handling(request: &HttpRequest) -> bool {
    let lines = request.headers().get_all("prefer");
    let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    let mut preferences = lines.iter().flat_map(|line| split_unquoted(line, ',')).filter_map(|preference| {
        let (name, value) = split_unquoted(preference, ';').next()?.split_once('=')?;
        Some((name.trim(), value.trim().trim_matches('"')))
    });
    // RFC 7240, section 2: the first of several preferences with the same name is used.
    let handling = preferences.find(|(name, _)| name.eq_ignore_ascii_case("handling"));
    handling.is_some_and(|(_, value)| value.eq_ignore_ascii_case("strict"))
}

/// Splits a header at the separators that are outside of quoted strings (RFC 9110, section 5.6.4).
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |character| {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_quoted,
            '"' => is_quoted = !is_quoted,
            _ => return character == separator && !is_quoted,
        }
        false
    })
}

impl<T> Parsed<T> {
    /// Returns the query of the next page.
    pub(in crate::http) fn with_cursor(&self, cursor: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let others = self.sent.iter().filter(|(name, _)| *name != "cursor");
        query.extend_pairs(others).append_pair("cursor", cursor).finish()
    }
}

/// The parameters of operations that have no query parameters.
#[derive(Debug, Default)]
pub(in crate::http) struct NoQuery;

impl ParameterTable for NoQuery {
    const PARAMETERS: &'static [Parameter<Self>] = &[];
}

/// The query parameters of the operations that create and patch an ICP.
#[derive(Debug, Default)]
pub(crate) struct WriteQuery {
    pub(in crate::http) dry_run: bool,
}

pub(crate) const DRY_RUN: Parameter<WriteQuery> = Parameter {
    name: "dryRun",
    kind: Kind::Flag,
    description: "Validates the request and returns 200 with the ICP that would be stored. Stores nothing.",
    set: |query, value| query.dry_run = value == Value::Flag(true),
};

impl ParameterTable for WriteQuery {
    const PARAMETERS: &'static [Parameter<Self>] = &[DRY_RUN];
}
