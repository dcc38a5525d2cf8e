//! Tests with generated input: invalid credentials are refused, unread claims have no effect, and no input causes a
//! panic.

use std::sync::LazyLock;

use icp_clerk::{AdminRule, ClerkAuthenticator, ClerkSettings, OAuthResource, SessionCookie};
use icp_ports::Authenticator as _;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::support::{
    INSTANCE_KEY, Outcome, RequestHeaders, UNAVAILABLE, accepted, claims, header, outcome, settings,
    sign_parts, split_values, start, token,
};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().enable_all().build().unwrap());

/// An authenticator that accepts every kind of token, and has an admin claim.
static AUTHENTICATOR: LazyLock<ClerkAuthenticator> = LazyLock::new(|| {
    let session_cookie = SessionCookie::OfInstance("pk_test_Y2xlcmsuZXhhbXBsZS5jb20k".parse().unwrap());
    let admin = AdminRule { user_ids: Vec::new(), claim: Some("/metadata/role".parse().unwrap()) };
    let url = "https://icp.example.com/mcp".to_owned();
    let resource = OAuthResource { url, client_ids: Vec::new(), required_scopes: vec!["a".to_owned()] };
    start(ClerkSettings { session_cookie, admin, ..settings() }).for_resource(resource)
});

static VALID_TOKEN: LazyLock<String> = LazyLock::new(|| token(&INSTANCE_KEY, &header(), &claims()));

fn auth(credentials: RequestHeaders<'_>) -> Outcome {
    outcome(RUNTIME.block_on(AUTHENTICATOR.authenticate(&credentials)))
}

fn auth_bearer(token: &[u8]) -> Outcome {
    auth(RequestHeaders { authorization: &[&[b"Bearer ", token].concat()], ..RequestHeaders::default() })
}

fn is_refused(outcome: &Outcome) -> bool {
    matches!(outcome, Err(reason) if *reason != UNAVAILABLE)
}

/// Concatenations of JSON tokens, most of which are invalid JSON.
fn almost_json() -> impl Strategy<Value = Vec<u8>> {
    let pieces = r#"{ ; } ; [ ; ] ; : ; , ; "alg" ; "RS256" ; "typ" ; "at+jwt" ; "sub" ; "exp" ; "kid" ; 1e400 ; -0 ; null ;
        \u0000 ; "\ud800" ;  ; "x" ; " ; 9999999999999999999"#;
    let pieces: Vec<_> = split_values(pieces).chain(["\u{feff}", " "]).map(str::to_owned).collect();
    vec(prop::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

/// JSON values of any shape, as text.
fn json() -> impl Strategy<Value = String> {
    let unusual_values = split_values(r#"null ; true ; 1e999 ; -1e-999 ; "\udc00\u0000""#)
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let numbers =
        any::<f64>().prop_filter_map("finite", |number| number.is_finite().then(|| number.to_string()));
    let integers = any::<i64>().prop_map(|number| number.to_string());
    let leaf = prop_oneof![prop::sample::select(unusual_values), numbers, integers, "\"[a-z]{0,8}\""];
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
        let credentials = RequestHeaders { authorization: &authorization, cookie: &cookie, origin: &origin, changes_state };
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
        let outcome = auth(RequestHeaders { cookie: &[&line], ..RequestHeaders::default() });
        prop_assert!(is_refused(&outcome));
    }

    #[test]
    fn any_signed_parts_cause_no_panic(head in almost_json(), payload in almost_json(), token in vec(any::<u8>(), 0..200)) {
        prop_assert!(is_refused(&auth_bearer(&token)));
        prop_assert!(is_refused(&auth_bearer(sign_parts(&INSTANCE_KEY, &head, &payload).as_bytes())));
        let valid_header = sign_parts(&INSTANCE_KEY, header().text().as_bytes(), &payload);
        prop_assert!(is_refused(&auth_bearer(valid_header.as_bytes())));
    }

    #[test]
    fn signed_claims_of_any_type_cause_no_panic(values in vec(json(), 12), is_access_token: bool) {
        let names = ["sub", "sid", "iss", "azp", "aud", "exp", "nbf", "iat", "sts", "act", "client_id", "scope"];
        let claims = names.iter().zip(&values).fold(claims(), |claims, (name, value)| claims.set(name, value));
        let typ = if is_access_token { r#""at+jwt""# } else { r#""JWT""# };
        let token = token(&INSTANCE_KEY, &header().set("typ", typ), &claims);
        prop_assert!(is_refused(&auth_bearer(token.as_bytes())), "{}", claims.text());
    }

    #[test]
    fn unread_claims_are_ignored(name in "x[a-z]{4,9}", value in json()) {
        let claims = claims().set(&name, &value);
        prop_assert_eq!(auth_bearer(token(&INSTANCE_KEY, &header(), &claims).as_bytes()), accepted(), "{}", claims.text());
    }

    #[test]
    fn token_with_changed_byte_is_refused(position in any::<prop::sample::Index>(), byte: u8) {
        let mut token = VALID_TOKEN.clone().into_bytes();
        let position = position.index(token.len());
        prop_assert_eq!(auth_bearer(&token), accepted());
        prop_assume!(token[position] != byte);
        token[position] = byte;
        prop_assert!(is_refused(&auth_bearer(&token)));
    }

    #[test]
    fn token_with_changed_part_is_refused(
        from in any::<prop::sample::Index>(), length in 1..20_usize, replacement in "[A-Za-z0-9_.-]{0,20}",
    ) {
        let from = from.index(VALID_TOKEN.len());
        let to = (from + length).min(VALID_TOKEN.len());
        prop_assume!(VALID_TOKEN[from..to] != replacement);
        let token = format!("{}{replacement}{}", &VALID_TOKEN[..from], &VALID_TOKEN[to..]);
        prop_assert!(is_refused(&auth_bearer(token.as_bytes())));
        let with_repeated_part = format!("{}{}", &VALID_TOKEN[..to], &VALID_TOKEN[from..]);
        prop_assert!(is_refused(&auth_bearer(with_repeated_part.as_bytes())));
    }
}
