//! Arbitrary bytes never sign a user in, and are always refused.

use std::sync::LazyLock;

use icp_clerk::{AdminRule, ClerkAuthenticator, ClerkSettings, OAuthResource, SessionCookie};
use icp_ports::Authenticator as _;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::support::{
    Headers, KEY, Outcome, UNAVAILABLE, accepted, claims, each, header, outcome, settings, sign_parts, start,
    token,
};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().enable_all().build().unwrap());

/// An authenticator with everything enabled.
static AUTHENTICATOR: LazyLock<ClerkAuthenticator> = LazyLock::new(|| {
    let session_cookie = SessionCookie::OfInstance("pk_test_Y2xlcmsuZXhhbXBsZS5jb20k".parse().unwrap());
    let admin = AdminRule { user_ids: Vec::new(), claim: Some("/metadata/role".parse().unwrap()) };
    let url = "https://icp.example.com/mcp".to_owned();
    let resource = OAuthResource { url, client_ids: Vec::new(), required_scopes: vec!["a".to_owned()] };
    start(ClerkSettings { session_cookie, admin, ..settings() }).for_resource(resource)
});

static GOOD: LazyLock<String> = LazyLock::new(|| token(&KEY, &header(), &claims()));

fn auth(credentials: Headers<'_>) -> Outcome {
    outcome(RUNTIME.block_on(AUTHENTICATOR.authenticate(&credentials)))
}

fn auth_bearer(token: &[u8]) -> Outcome {
    auth(Headers { authorization: &[&[b"Bearer ", token].concat()], ..Headers::default() })
}

fn is_refused(outcome: &Outcome) -> bool {
    matches!(outcome, Err(reason) if *reason != UNAVAILABLE)
}

/// Bytes that resemble JSON.
fn jsonish() -> impl Strategy<Value = Vec<u8>> {
    let pieces = r#"{ ; } ; [ ; ] ; : ; , ; "alg" ; "RS256" ; "typ" ; "at+jwt" ; "sub" ; "exp" ; "kid" ; 1e400 ; -0 ; null ;
        \u0000 ; "\ud800" ;  ; "x" ; " ; 9999999999999999999"#;
    let pieces: Vec<_> = each(pieces).chain(["\u{feff}", " "]).map(str::to_owned).collect();
    vec(prop::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

/// JSON values of any shape, as text.
fn json() -> impl Strategy<Value = String> {
    let odd =
        each(r#"null ; true ; 1e999 ; -1e-999 ; "\udc00\u0000""#).map(str::to_owned).collect::<Vec<_>>();
    let numbers =
        any::<f64>().prop_filter_map("finite", |number| number.is_finite().then(|| number.to_string()));
    let integers = any::<i64>().prop_map(|number| number.to_string());
    let leaf = prop_oneof![prop::sample::select(odd), numbers, integers, "\"[a-z]{0,8}\""];
    leaf.prop_recursive(4, 16, 4, |inner| {
        let member = ("[a-z]{1,6}", inner.clone()).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        prop_oneof![
            vec(inner, 0..4).prop_map(|values| format!("[{}]", values.join(","))),
            vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_header_bytes_cause_no_panic(
        authorization in vec(vec(any::<u8>(), 0..40), 0..3),
        cookie in vec(vec(any::<u8>(), 0..40), 0..3),
        origin in vec(vec(any::<u8>(), 0..10), 0..3),
        changes_state: bool,
    ) {
        let [authorization, cookie, origin] =
            [&authorization, &cookie, &origin].map(|lines| lines.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let credentials = Headers { authorization: &authorization, cookie: &cookie, origin: &origin, changes_state };
        prop_assert!(is_refused(&auth(credentials)));
    }

    #[test]
    fn any_cookie_bytes_cause_no_panic(
        plain in vec(any::<u8>(), 0..60),
        suffixed in vec(any::<u8>(), 0..60),
        uats in ("[0-9x%-]{0,22}", "[0-9x%-]{0,22}"),
    ) {
        let line = [
            b"__session=", &plain[..], b"; __client_uat=", uats.0.as_bytes(),
            b"; __session_l2OS3d9k=", &suffixed, b"; __client_uat_l2OS3d9k=", uats.1.as_bytes(),
        ].concat();
        let outcome = auth(Headers { cookie: &[&line], ..Headers::default() });
        prop_assert!(is_refused(&outcome));
    }

    #[test]
    fn any_signed_parts_cause_no_panic(head in jsonish(), payload in jsonish(), token in vec(any::<u8>(), 0..200)) {
        prop_assert!(is_refused(&auth_bearer(&token)));
        prop_assert!(is_refused(&auth_bearer(sign_parts(&KEY, &head, &payload).as_bytes())));
        let sealed = sign_parts(&KEY, header().text().as_bytes(), &payload);
        prop_assert!(is_refused(&auth_bearer(sealed.as_bytes())));
    }

    #[test]
    fn signed_claims_of_any_type_cause_no_panic(values in vec(json(), 12), is_access_token: bool) {
        let names = ["sub", "sid", "iss", "azp", "aud", "exp", "nbf", "iat", "sts", "act", "client_id", "scope"];
        let claims = names.iter().zip(&values).fold(claims(), |claims, (name, value)| claims.set(name, value));
        let typ = if is_access_token { r#""at+jwt""# } else { r#""JWT""# };
        let token = token(&KEY, &header().set("typ", typ), &claims);
        prop_assert!(is_refused(&auth_bearer(token.as_bytes())), "{}", claims.text());
    }

    #[test]
    fn unread_claims_are_ignored(name in "x[a-z]{4,9}", value in json()) {
        let claims = claims().set(&name, &value);
        prop_assert_eq!(auth_bearer(token(&KEY, &header(), &claims).as_bytes()), accepted(), "{}", claims.text());
    }

    #[test]
    fn token_with_changed_byte_is_refused(at in any::<prop::sample::Index>(), byte: u8) {
        let mut token = GOOD.clone().into_bytes();
        let at = at.index(token.len());
        prop_assert_eq!(auth_bearer(&token), accepted());
        prop_assume!(token[at] != byte);
        token[at] = byte;
        prop_assert!(is_refused(&auth_bearer(&token)));
    }

    #[test]
    fn token_with_changed_part_is_refused(
        from in any::<prop::sample::Index>(), length in 1..20_usize, put_in in "[A-Za-z0-9_.-]{0,20}",
    ) {
        let from = from.index(GOOD.len());
        let to = (from + length).min(GOOD.len());
        prop_assume!(GOOD[from..to] != put_in);
        let token = format!("{}{put_in}{}", &GOOD[..from], &GOOD[to..]);
        prop_assert!(is_refused(&auth_bearer(token.as_bytes())));
        let doubled = format!("{}{}", &GOOD[..to], &GOOD[from..]);
        prop_assert!(is_refused(&auth_bearer(doubled.as_bytes())));
    }
}
