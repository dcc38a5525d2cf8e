//! Tests of the rules for lenient imports. In addition to the rules for stored ICPs, they refuse only values that a
//! database cannot store.

use icp_domain::{Icp, Rules, limits};

use super::support::{FULL, patched, stored, violations};

#[test]
fn unknown_values_can_be_stored() {
    for (from, to) in [
        (r#""bullhorn""#, r#""salesforce""#),
        (r#"{"type":"maxPeoplePerCompany","value":2}"#, r#"{"type":"ofNextYear","a":1,"a":1.0}"#),
        (r#""leadsPerList":25"#, r#""leadsPerList":0,"x":1"#),
        (r#"["CTO"]"#, r#"["\ud800"]"#),
        (r#""user_xyz789""#, r#""user abc""#),
        (r#""name":"Full""#, r#""name":"""#),
    ] {
        let text = patched(from, to);
        assert_eq!(Icp::from_json(&text, Rules::Storable).unwrap(), stored(&text), "{to}");
    }
    let deep = format!("[{}{}]", "[".repeat(1_000), "]".repeat(1_000));
    assert_eq!(violations(&patched(r#"["CTO"]"#, &deep), Rules::Storable), []);
}

#[test]
fn nul_is_refused_everywhere() {
    for (from, to, pointer) in [
        (r#""name":"Full""#, r#""name":"\u0000""#, "/name"),
        (r#""name":"Full""#, r#""name":"Full","x\u0000":1"#, "/x\0"),
        (r#"["CTO"]"#, r#"["\u0000"]"#, "/leadProviderCriteria/0/filters/titles/0"),
        (r#"["CTO"]"#, r#"["\ud800\u0000"]"#, "/leadProviderCriteria/0/filters/titles/0"),
        (r#"["CTO"]"#, r#"["\u0000\ud800"]"#, "/leadProviderCriteria/0/filters/titles/0"),
        (
            r#"{"type":"maxPeoplePerCompany","value":2}"#,
            r#"{"a":[{"b\u0000":7}]}"#,
            "/customFilterCriteria/3/a/0/b\0",
        ),
        (r#""type":"ai""#, r#""type":"\u0000""#, "/customFilterCriteria/2/type"),
    ] {
        let text = patched(from, to);
        assert_eq!(violations(&text, Rules::Storable), [(pointer.to_owned(), "invalid_value")], "{to}");
        assert_eq!(violations(&text, Rules::Stored), [], "must be readable if it is stored: {to}");
    }
    assert_eq!(violations(&patched(r#"["CTO"]"#, r#"["\ud800\\u0000"]"#), Rules::Storable), []);
}

#[test]
fn user_id_must_fit_into_index() {
    for (id, fits) in [
        ("x".repeat(1_024), true),
        ("x".repeat(1_025), false),
        ("é".repeat(512), true),
        ("é".repeat(513), false),
    ] {
        let text = patched(r#""user_xyz789""#, &format!("\"{id}\""));
        let expected = if fits { vec![] } else { vec![("/userIds/1".to_owned(), "too_long")] };
        assert_eq!(violations(&text, Rules::Storable), expected);
        assert_eq!(violations(&text, Rules::Stored), []);
    }
}

#[test]
fn valid_user_ids_can_be_stored() {
    let longest = format!("\"{}\"", "😀".repeat(limits::USER_ID));
    let text = patched(r#""user_xyz789""#, &longest);
    assert_eq!(violations(&text, Rules::Strict), []);
    assert_eq!(violations(&text, Rules::Storable), []);
}

#[test]
fn valid_icp_can_be_stored_and_read() {
    let strict = Icp::from_json(FULL, Rules::Strict).unwrap();
    assert_eq!(Icp::from_json(FULL, Rules::Storable).unwrap(), strict);
    assert_eq!(stored(FULL), strict);
}
