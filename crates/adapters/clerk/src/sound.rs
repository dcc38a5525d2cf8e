//! What a careful reader refuses in text that is JSON: two readers could take it for two things.
//!
//! `icp_domain::json::Audit` says where each flaw is, odd text included, which is no flaw here. A stranger's
//! token can have a thousand odd strings a hundred levels deep; what is done to one before its signature is
//! known takes a single pass, whatever is in it.

use std::borrow::Cow;
use std::collections::HashSet;

use icp_domain::json::Json;

const MAX_DEPTH: usize = 128;
/// More than a session token has in its claims.
const USUAL_NAMES: usize = 28;

/// Whether no value is too deep and no name stands twice in its object.
pub(crate) fn is_sound(json: Json<'_>) -> bool {
    // One set for all objects, so that there is one to make room for: each name with where its object begins.
    let mut names: HashSet<(usize, Cow<'_, str>)> = HashSet::with_capacity(USUAL_NAMES);
    // Where each object or array that is open begins, from the end of the text.
    let mut open: Vec<usize> = Vec::new();
    let mut rest = json.text();
    while let Some(byte) = rest.bytes().next() {
        let length = if byte == b'"' { string_length(rest) } else { unquoted_length(rest) };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        match byte {
            b'{' | b'[' if open.len() == MAX_DEPTH => return false,
            b'{' | b'[' => open.push(rest.len()),
            b'}' | b']' => drop(open.pop()),
            b'"' if is_name(after) && !open.last().is_some_and(|of| names.insert((*of, decoded(token)))) => {
                return false;
            }
            _ => {}
        }
        rest = after;
    }
    true
}

/// Of two strings in valid JSON only a name has a colon behind it.
fn is_name(after: &str) -> bool {
    after.trim_ascii_start().starts_with(':')
}

/// A name as it is meant; as it is written where that is no Unicode text (RFC 8259, section 8.2).
fn decoded(name: &str) -> Cow<'_, str> {
    if !name.contains('\\') {
        return Cow::Borrowed(name.trim_matches('"'));
    }
    Json::parse(name).ok().and_then(Json::string).unwrap_or(Cow::Borrowed(name))
}

/// The bytes of the string at the start of `text`, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let closing = text.bytes().enumerate().skip(1).find(|(_, byte)| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    });
    closing.map_or(text.len(), |(at, _)| at + 1)
}

/// One bracket, or all up to the next bracket or string.
fn unquoted_length(text: &str) -> usize {
    let end = text.bytes().skip(1).position(|byte| matches!(byte, b'{' | b'[' | b'}' | b']' | b'"'));
    end.map_or(text.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(text: &str) -> bool {
        is_sound(Json::parse(text).unwrap())
    }

    #[test]
    fn a_name_stands_once_in_its_object() {
        assert!(sound(r#"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#));
        assert!(sound(r#"{"a":"b","b":["a","a"],"c":"a","A":"\"a\":","\\":"[[{{"}"#));
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"o":{"a":1,"b":2,"a":1}}"#,
            r#"{"o":[0,[{"a":1,"a":1}]]}"#,
            r#"{"a":"a","b":{"a":2},"a" : 3}"#,
            "{\"a\"\n\t\r :1,\"a\":1}",
            r#"{"\"":1,"\"":1}"#,
            r#"{"\\":"\\","\\":"\\"}"#,
            r#"{"{":"}","{":"]"}"#,
        ] {
            assert!(!sound(text), "{text}");
        }
    }

    #[test]
    fn odd_text_is_no_flaw_and_hides_none() {
        assert!(sound(r#"{"a":"\u0000","\ud800":1,"\u0000":[{"b":"\udfff"}]}"#));
        for text in [
            r#"{"\u0000":1,"\u0000":1}"#,
            r#"{"\ud800":1,"\ud800":1}"#,
            r#"{"x":"\u0000","o":[{"a\u0000":1,"a\u0000":1}]}"#,
            r#"{"x":"\ud800","a":1,"a":1}"#,
        ] {
            assert!(!sound(text), "{text}");
        }
    }

    #[test]
    fn depth_ends_at_128() {
        let nested = |depth: usize| {
            let inner = depth - 1;
            format!("{{\"a\":{}{}}}", "[".repeat(inner), "]".repeat(inner))
        };
        assert!(sound(&nested(128)));
        assert!(!sound(&nested(129)));
    }
}
