//! Entity tags (RFC 9110, section 8.8.3): the version of an ICP or of a list, in quotes.

use actix_web::http::header::{ETAG, HeaderMap, HeaderName, HeaderValue};
use icp_application::VersionMatch;
use icp_ports::{ListVersion, Version};

/// The suffixes of the tags of compressed responses.
const CODINGS: [&str; 2] = ["-gzip", "-deflate"];

/// A version with an entity tag.
pub(super) trait EntityTag: Sized {
    /// Returns the tag, without its quotes.
    fn tag(&self) -> String;
    /// Returns the version with this tag, or `None` if it is not a tag of this service.
    fn of_tag(tag: &str) -> Option<Self>;
}

impl EntityTag for Version {
    fn tag(&self) -> String {
        self.0.to_string()
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let version = Self(tag.parse().ok()?);
        // A version has exactly one tag: no plus sign and no leading zeros.
        (version.tag() == tag).then_some(version)
    }
}

impl EntityTag for ListVersion {
    fn tag(&self) -> String {
        format!("{:016x}", self.0)
    }

    fn of_tag(tag: &str) -> Option<Self> {
        let version = Self(u64::from_str_radix(tag, 16).ok()?);
        (version.tag() == tag).then_some(version)
    }
}

/// Returns the `ETag` header of a response with this version.
pub(super) fn header(version: &impl EntityTag) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(&format!("\"{}\"", version.tag()));
    (ETAG, value.unwrap_or_else(|_| HeaderValue::from_static("\"\"")))
}

/// Adds the coding to the tag of a compressed response, because responses with different codings must have different
/// tags.
pub(super) fn mark_coding(headers: &mut HeaderMap, coding: Option<&str>) {
    let (Some(tag), Some(coding)) = (headers.get(ETAG), coding) else { return };
    let Ok(tag) = tag.to_str() else { return };
    let marked =
        tag.strip_suffix('"').and_then(|tag| HeaderValue::from_str(&format!("{tag}-{coding}\"")).ok());
    if let Some(marked) = marked {
        headers.insert(ETAG, marked);
    }
}

/// Returns the versions in a header by strong comparison, in which weak tags match nothing (RFC 9110, section 13.1.1).
/// Returns `None` if the request does not have the header.
pub(super) fn strong_tags<V: EntityTag>(headers: &HeaderMap, name: &HeaderName) -> Option<VersionMatch<V>> {
    versions(headers, name, |tag| tag)
}

/// Returns the versions in a header by weak comparison (RFC 9110, section 13.1.2). Returns `None` if the request does
/// not have the header.
pub(super) fn weak_tags<V: EntityTag>(headers: &HeaderMap, name: &HeaderName) -> Option<VersionMatch<V>> {
    versions(headers, name, |tag| tag.strip_prefix("W/").unwrap_or(tag))
}

fn versions<V: EntityTag>(
    headers: &HeaderMap,
    name: &HeaderName,
    normalize: fn(&str) -> &str,
) -> Option<VersionMatch<V>> {
    // Tags of other services may contain bytes that are not UTF-8.
    let lines: Vec<_> = headers.get_all(name).map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    if lines.is_empty() {
        return None;
    }
    // No tag of this service contains a comma, so the header can be split at commas.
    let tags: Vec<&str> = lines.iter().flat_map(|line| line.split(',')).map(str::trim).collect();
    if tags == ["*"] {
        return Some(VersionMatch::Any);
    }
    Some(VersionMatch::OneOf(tags.into_iter().filter_map(|tag| version(normalize(tag))).collect()))
}

fn version<V: EntityTag>(tag: &str) -> Option<V> {
    let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
    V::of_tag(CODINGS.iter().find_map(|coding| tag.strip_suffix(coding)).unwrap_or(tag))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{ETAG, HeaderMap, HeaderValue, IF_MATCH};

    use icp_ports::{ListVersion, Version};

    use icp_application::VersionMatch;

    use super::{header, mark_coding, strong_tags, weak_tags};

    fn headers(lines: &[&str]) -> HeaderMap {
        let lines = lines
            .iter()
            .map(|line| (IF_MATCH, HeaderValue::from_str(line).expect("must be a valid header value")));
        let mut headers = HeaderMap::new();
        lines.for_each(|(name, line)| headers.append(name, line));
        headers
    }

    fn numbers(numbers: &[i64]) -> VersionMatch<Version> {
        VersionMatch::OneOf(numbers.iter().copied().map(Version).collect())
    }

    #[test]
    fn tag_is_version_in_quotes() {
        assert_eq!(header(&Version(42)).1, "\"42\"");
        assert_eq!(header(&ListVersion(42)).1, "\"000000000000002a\"");
    }

    #[test]
    fn every_form_of_tag_is_accepted() {
        for (lines, expected) in [
            (["\"42\""].as_slice(), Some(numbers(&[42]))),
            (&["\"42-gzip\", \"7-deflate\" ,\"8\""], Some(numbers(&[42, 7, 8]))),
            (&["\"1\"", "\"2\", \"x\""], Some(numbers(&[1, 2]))),
            (&["\"\u{e9}\", \"42\""], Some(numbers(&[42]))),
            (&["*"], Some(VersionMatch::Any)),
            (&[" * "], Some(VersionMatch::Any)),
            (&[], None),
        ] {
            assert_eq!(strong_tags(&headers(lines), &IF_MATCH), expected, "{lines:?}");
            assert_eq!(weak_tags(&headers(lines), &IF_MATCH), expected, "{lines:?}");
        }
    }

    #[test]
    fn foreign_tag_matches_nothing() {
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
            assert_eq!(strong_tags(&headers(&[line]), &IF_MATCH), Some(numbers(&[])), "{line:?}");
            assert_eq!(weak_tags(&headers(&[line]), &IF_MATCH), Some(numbers(&[])), "{line:?}");
        }
    }

    #[test]
    fn weak_tag_matches_only_weakly() {
        let weak = headers(&["W/\"42\", \"7\""]);
        assert_eq!(weak_tags(&weak, &IF_MATCH), Some(numbers(&[42, 7])));
        assert_eq!(strong_tags(&weak, &IF_MATCH), Some(numbers(&[7])));
    }

    #[test]
    fn tag_of_compressed_response_has_suffix() {
        let mut headers = HeaderMap::new();
        let (name, value) = header(&ListVersion(42));
        headers.insert(name, value);
        mark_coding(&mut headers, None);
        assert_eq!(headers.get(ETAG).expect("must have an ETag"), "\"000000000000002a\"");
        mark_coding(&mut headers, Some("gzip"));
        let tag = headers.get(ETAG).expect("must have an ETag").clone();
        assert_eq!(tag, "\"000000000000002a-gzip\"");
        headers.insert(IF_MATCH, tag);
        let expected = VersionMatch::OneOf(vec![ListVersion(42)]);
        assert_eq!(weak_tags(&headers, &IF_MATCH), Some(expected));
    }
}
