//! What is taken from a key set's document (RFC 7517, section 5).

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use icp_domain::json::Json;

use super::rsa::RsaKey;

/// Keys by their name.
pub(super) type KeysByName = HashMap<String, Arc<RsaKey>>;

/// The usable keys of a document; none where it is no key set. Odd entries are skipped, since a set may hold
/// keys for other purposes. A key that was known before under the same name stays the same object, so that
/// the tokens that it verified stay remembered.
pub(super) fn read(document: &[u8], known: &KeysByName) -> KeysByName {
    let mut keys = KeysByName::new();
    let Some(set) = std::str::from_utf8(document).ok().and_then(|text| Json::parse(text).ok()) else {
        return keys;
    };
    for (kid, key) in member(set, "keys").into_iter().flat_map(Json::elements).filter_map(entry) {
        let key = match known.get(&kid) {
            Some(old) if **old == key => Arc::clone(old),
            _ => Arc::new(key),
        };
        keys.entry(kid).or_insert(key);
    }
    keys
}

fn entry(entry: Json<'_>) -> Option<(String, RsaKey)> {
    let text = |name| member(entry, name).map(Json::string);
    let absent_or = |name, expected: &str| match text(name) {
        None => true,
        Some(value) => value.is_some_and(|value| value == expected),
    };
    let number = |name| URL_SAFE_NO_PAD.decode(text(name)??.as_bytes()).ok();
    let kid = text("kid")??;
    let usable = text("kty")?? == "RSA" && absent_or("alg", "RS256") && absent_or("use", "sig");
    let key = usable.then(|| Some((number("n")?, number("e")?))).flatten();
    let (n, e) = key?;
    Some((kid.into_owned(), RsaKey::from_components(&n, &e).ok()?))
}

fn member<'a>(object: Json<'a>, name: &str) -> Option<Json<'a>> {
    object.members().find(|member| member.name == name).map(|member| member.value)
}

#[cfg(test)]
mod tests {
    use super::super::rsa_for_tests::{KEY, OTHER, key_set};
    use super::*;

    /// The names of the keys that are taken.
    fn taken(document: &str) -> Vec<String> {
        let mut names: Vec<_> = read(document.as_bytes(), &KeysByName::new()).into_keys().collect();
        names.sort();
        names
    }

    /// A set of one good key and one that has this in place of that.
    fn taken_with(from: &str, to: &str) -> Vec<String> {
        let odd = OTHER.jwk("odd");
        assert!(odd.contains(from), "{from}");
        taken(&key_set(&[&odd.replace(from, to), &KEY.jwk("good")]))
    }

    #[test]
    fn every_usable_key_is_taken() {
        assert_eq!(taken(&key_set(&[&KEY.jwk("a"), &OTHER.jwk("b")])), ["a", "b"]);
        assert_eq!(taken_with(r#","alg":"RS256""#, ""), ["good", "odd"]);
        assert_eq!(taken_with(r#""use":"sig","#, ""), ["good", "odd"]);
        assert_eq!(taken_with(r#""kty""#, r#""x5c":["x"],"x":{},"kty""#), ["good", "odd"]);
        assert_eq!(taken_with(r#""odd""#, r#""""#), ["", "good"]);
    }

    #[test]
    fn odd_entries_are_skipped() {
        let n = OTHER.components().0;
        for (from, to) in [
            (r#""RSA""#, r#""rsa""#),
            (r#""RSA""#, r#""EC""#),
            (r#""RSA""#, "null"),
            (r#""kty":"RSA","#, ""),
            (r#""RS256""#, r#""RS512""#),
            (r#""RS256""#, "null"),
            (r#""RS256""#, "1"),
            (r#""sig""#, r#""enc""#),
            (r#""sig""#, "null"),
            (r#","kid":"odd""#, ""),
            (r#""odd""#, "null"),
            (r#""odd""#, "1"),
            (r#""AQAB""#, r#""""#),
            (r#""AQAB""#, "65537"),
            (r#""AQAB""#, r#""AQAA""#),
            (r#""AQAB""#, r#""AQ""#),
            (r#""AQAB""#, r#""AQAB==""#),
            (r#","e":"AQAB""#, ""),
            (&n, ""),
            (&n, "AQAB"),
            (&n, &n[..172]), // 1032 bits
            (&n, &format!("{n}==")),
            (&n, &format!("{n}!")),
            (&n, &n.repeat(5)),
        ] {
            assert_eq!(taken_with(from, to), ["good"], "{from} -> {to}");
        }
        let entries = ["null", "[]", "1", r#""x""#, "{}", &KEY.jwk("good"), &format!("[{}]", OTHER.jwk("b"))];
        assert_eq!(taken(&key_set(&entries)), ["good"]);
    }

    #[test]
    fn leading_zeros_change_no_number() {
        let (n, _) = OTHER.components();
        let bytes = URL_SAFE_NO_PAD.decode(&n).unwrap();
        let signed = URL_SAFE_NO_PAD.encode([&[0], &bytes[..]].concat());
        assert_eq!(taken_with(&n, &signed), ["good", "odd"]);
    }

    #[test]
    fn of_one_name_the_first_usable_key_counts() {
        let read = |entries: &[&str]| read(key_set(entries).as_bytes(), &KeysByName::new());
        let keys = read(&[&KEY.jwk("a"), &OTHER.jwk("a")]);
        assert_eq!(keys.len(), 1);
        assert_eq!(keys["a"], read(&[&KEY.jwk("a")])["a"]);
    }

    #[test]
    fn a_deep_entry_costs_the_others_nothing() {
        let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(taken(&key_set(&[&deep, &KEY.jwk("good")])), ["good"]);
    }

    #[test]
    fn what_is_no_key_set_has_no_keys() {
        let good = KEY.jwk("a");
        for document in [
            "",
            "x",
            "[]",
            "{}",
            r#"{"keys":null}"#,
            &good,
            &format!("[{good}]"),
            &format!(r#"{{"keys":{good}}}"#),
        ] {
            assert!(taken(document).is_empty(), "{document}");
        }
        assert!(read(b"\xff", &KeysByName::new()).is_empty());
    }
}
