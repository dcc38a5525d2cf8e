//! Entity tags (RFC 9110, section 8.8.3): the version of an ICP, in quotes.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use icp_ports::Version;

use crate::icps::Versions;

/// What a compressed answer's tag ends with.
const CODINGS: [&str; 3] = ["-gzip", "-br", "-zstd"];

/// The tag of an answer that is not compressed.
pub(super) fn of(version: Version) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// The versions in `If-Match`; `None` without one. Weak tags name none: RFC 9110, section 13.1.1, wants the strong
/// comparison.
pub(super) fn named_by_client(headers: &HeaderMap, name: &HeaderName) -> Option<Versions> {
    versions(headers, name, |tag| tag)
}

/// The versions in `If-None-Match`; `None` without one. Weak tags count: RFC 9110, section 13.1.2, wants the weak
/// comparison.
pub(super) fn known_to_client(headers: &HeaderMap, name: &HeaderName) -> Option<Versions> {
    versions(headers, name, |tag| tag.strip_prefix("W/").unwrap_or(tag))
}

fn versions(headers: &HeaderMap, name: &HeaderName, strength: fn(&str) -> &str) -> Option<Versions> {
    let mut lines = headers.get_all(name).map(|line| line.to_str().unwrap_or_default()).peekable();
    lines.peek()?;
    // No tag of this service has a comma in it, so that what stands between commas is a tag, or none of ours.
    let tags: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    if tags == ["*"] {
        return Some(Versions::Any);
    }
    Some(Versions::Of(tags.into_iter().filter_map(|tag| version(strength(tag))).collect()))
}

/// The version in a tag; `None` when the tag is none that this service makes.
fn version(tag: &str) -> Option<Version> {
    let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
    let number = CODINGS.iter().find_map(|coding| tag.strip_suffix(coding)).unwrap_or(tag);
    let version: i64 = number.parse().ok()?;
    // One version has one tag: no sign, no zeros before it.
    (version.to_string() == number).then(|| version.into())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderMap, HeaderValue, IF_MATCH};

    use super::{Versions, known_to_client, named_by_client, of};

    fn headers(lines: &[&str]) -> HeaderMap {
        let lines = lines.iter().map(|line| (IF_MATCH, HeaderValue::from_str(line).expect("a header")));
        let mut headers = HeaderMap::new();
        lines.for_each(|(name, line)| headers.append(name, line));
        headers
    }

    fn numbers(numbers: &[i64]) -> Versions {
        Versions::Of(numbers.iter().copied().map(Into::into).collect())
    }

    #[test]
    fn a_tag_is_the_version_in_quotes() {
        assert_eq!(of(42.into()), "\"42\"");
    }

    #[test]
    fn each_form_of_a_tag_names_its_version() {
        for (lines, expected) in [
            (["\"42\""].as_slice(), Some(numbers(&[42]))),
            (&["\"42-gzip\", \"7-br\" ,\"8-zstd\""], Some(numbers(&[42, 7, 8]))),
            (&["\"1\"", "\"2\", \"x\""], Some(numbers(&[1, 2]))),
            (&["*"], Some(Versions::Any)),
            (&[" * "], Some(Versions::Any)),
            (&[], None),
        ] {
            assert_eq!(named_by_client(&headers(lines), &IF_MATCH), expected, "{lines:?}");
            assert_eq!(known_to_client(&headers(lines), &IF_MATCH), expected, "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_tag_of_ours_names_nothing() {
        for line in [
            "",
            "42",
            "\"42",
            "42\"",
            "\"042\"",
            "\"+42\"",
            "\"42-deflate\"",
            "\"42-gzip-gzip\"",
            "\"\"",
            "\"99999999999999999999\"",
            "\"a\"",
            "*, *",
            "w/\"42\"",
            "\u{e9}",
        ] {
            assert_eq!(named_by_client(&headers(&[line]), &IF_MATCH), Some(numbers(&[])), "{line:?}");
            assert_eq!(known_to_client(&headers(&[line]), &IF_MATCH), Some(numbers(&[])), "{line:?}");
        }
    }

    #[test]
    fn a_weak_tag_counts_for_reading_alone() {
        let weak = headers(&["W/\"42\", \"7\""]);
        assert_eq!(known_to_client(&weak, &IF_MATCH), Some(numbers(&[42, 7])));
        assert_eq!(named_by_client(&weak, &IF_MATCH), Some(numbers(&[7])));
    }
}
