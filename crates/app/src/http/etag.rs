//! Entity tags (RFC 9110, section 8.8.3): the version of an ICP or of a list, in quotes.

use actix_web::http::header::{ETAG, HeaderMap, HeaderName, HeaderValue};
use icp_ports::{ListVersion, Version};

use crate::icps::Known;

/// What the tag of a compressed answer ends with.
const CODINGS: [&str; 4] = ["-gzip", "-br", "-zstd", "-deflate"];

/// What an entity tag stands for.
pub(super) trait Tagged: Sized {
    /// What stands between the quotes.
    fn tag(&self) -> String;
    /// The version that a tag stands for; `None` when it is none that this service makes.
    fn of_tag(tag: &str) -> Option<Self>;
}

impl Tagged for Version {
    fn tag(&self) -> String {
        self.0.to_string()
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let version = Self(tag.parse().ok()?);
        // One version has one tag: no sign, no zeros before it.
        (version.tag() == tag).then_some(version)
    }
}

impl Tagged for ListVersion {
    fn tag(&self) -> String {
        format!("{:016x}", self.0)
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let version = Self(u64::from_str_radix(tag, 16).ok()?);
        (version.tag() == tag).then_some(version)
    }
}

/// The header of an answer.
pub(super) fn header(version: &impl Tagged) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(&format!("\"{}\"", version.tag()));
    (ETAG, value.unwrap_or_else(|_| HeaderValue::from_static("\"\"")))
}

/// A compressed answer is another representation, and so has another tag: the plain one's, with the coding behind.
pub(super) fn mark_coding(headers: &mut HeaderMap, coding: Option<&str>) {
    let (Some(tag), Some(coding)) = (headers.get(ETAG), coding) else { return };
    let Ok(tag) = tag.to_str() else { return };
    let marked =
        tag.strip_suffix('"').and_then(|tag| HeaderValue::from_str(&format!("{tag}-{coding}\"")).ok());
    if let Some(marked) = marked {
        headers.insert(ETAG, marked);
    }
}

/// The versions in `If-Match`; `None` without one. Weak tags name none: RFC 9110, section 13.1.1, wants the strong
/// comparison.
pub(super) fn named_by_client<V: Tagged>(headers: &HeaderMap, name: &HeaderName) -> Option<Known<V>> {
    versions(headers, name, |tag| tag)
}

/// The versions in `If-None-Match`; `None` without one. Weak tags count: RFC 9110, section 13.1.2, wants the weak
/// comparison.
pub(super) fn known_to_client<V: Tagged>(headers: &HeaderMap, name: &HeaderName) -> Option<Known<V>> {
    versions(headers, name, |tag| tag.strip_prefix("W/").unwrap_or(tag))
}

fn versions<V: Tagged>(
    headers: &HeaderMap,
    name: &HeaderName,
    strength: fn(&str) -> &str,
) -> Option<Known<V>> {
    let mut lines = headers.get_all(name).map(|line| line.to_str().unwrap_or_default()).peekable();
    lines.peek()?;
    // No tag of this service has a comma in it, so that what stands between commas is a tag, or none of ours.
    let tags: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    if tags == ["*"] {
        return Some(Known::Any);
    }
    Some(Known::Of(tags.into_iter().filter_map(|tag| version(strength(tag))).collect()))
}

fn version<V: Tagged>(tag: &str) -> Option<V> {
    let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
    V::of_tag(CODINGS.iter().find_map(|coding| tag.strip_suffix(coding)).unwrap_or(tag))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{ETAG, HeaderMap, HeaderValue, IF_MATCH};

    use icp_ports::{ListVersion, Version};

    use super::{Known, header, known_to_client, mark_coding, named_by_client};

    fn headers(lines: &[&str]) -> HeaderMap {
        let lines = lines.iter().map(|line| (IF_MATCH, HeaderValue::from_str(line).expect("a header")));
        let mut headers = HeaderMap::new();
        lines.for_each(|(name, line)| headers.append(name, line));
        headers
    }

    fn numbers(numbers: &[i64]) -> Known<Version> {
        Known::Of(numbers.iter().copied().map(Version).collect())
    }

    #[test]
    fn a_tag_is_the_version_in_quotes() {
        assert_eq!(header(&Version(42)).1, "\"42\"");
        assert_eq!(header(&ListVersion(42)).1, "\"000000000000002a\"");
    }

    #[test]
    fn each_form_of_a_tag_names_its_version() {
        for (lines, expected) in [
            (["\"42\""].as_slice(), Some(numbers(&[42]))),
            (&["\"42-gzip\", \"7-br\" ,\"8-zstd\""], Some(numbers(&[42, 7, 8]))),
            (&["\"1\"", "\"2\", \"x\""], Some(numbers(&[1, 2]))),
            (&["*"], Some(Known::Any)),
            (&[" * "], Some(Known::Any)),
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
            "\"42-compress\"",
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

    #[test]
    fn a_compressed_answer_has_a_tag_of_its_own_that_names_the_same_version() {
        let mut headers = HeaderMap::new();
        let (name, value) = header(&ListVersion(42));
        headers.insert(name, value);
        mark_coding(&mut headers, None);
        assert_eq!(headers.get(ETAG).expect("a tag"), "\"000000000000002a\"");
        mark_coding(&mut headers, Some("br"));
        let tag = headers.get(ETAG).expect("a tag").clone();
        assert_eq!(tag, "\"000000000000002a-br\"");
        headers.insert(IF_MATCH, tag);
        let known = Known::Of(vec![ListVersion(42)]);
        assert_eq!(known_to_client(&headers, &IF_MATCH), Some(known));
    }
}
