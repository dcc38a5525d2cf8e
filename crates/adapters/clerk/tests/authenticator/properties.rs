//! Whatever a stranger sends, the answer is that nobody is signed in.

use std::sync::LazyLock;

use icp_clerk::{ClerkAuthenticator, ClerkSettings, SessionCookie};
use icp_ports::Authenticator as _;
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::support::{
    Headers, KEY, UNAVAILABLE, Verdict, accepted, claims, header, seal, settings, start, token, verdict,
};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().enable_all().build().unwrap());

static AUTHENTICATOR: LazyLock<ClerkAuthenticator> = LazyLock::new(|| {
    let key = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k".parse().unwrap();
    let session_cookie = SessionCookie::OfInstance(key);
    start(ClerkSettings { session_cookie, admin: admin_by_claim(), ..settings() })
});

static GOOD: LazyLock<String> = LazyLock::new(|| token(&KEY, &header(), &claims()));

fn admin_by_claim() -> icp_clerk::AdminRule {
    icp_clerk::AdminRule { user_ids: Vec::new(), claim: Some("/metadata/role".parse().unwrap()) }
}

fn judge(credentials: Headers<'_>) -> Verdict {
    verdict(RUNTIME.block_on(AUTHENTICATOR.authenticate(&credentials)))
}

fn judge_bearer(token: &[u8]) -> Verdict {
    let line = [b"Bearer ", token].concat();
    judge(Headers { authorization: &[&line], ..Headers::default() })
}

fn is_refused(verdict: &Verdict) -> bool {
    matches!(verdict, Err(reason) if *reason != UNAVAILABLE)
}

/// Bytes that look a little like JSON.
fn jsonish() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(":"),
        Just(","),
        Just("\"alg\""),
        Just("\"RS256\""),
        Just("\"sub\""),
        Just("\"exp\""),
        Just("\"kid\""),
        Just("1e400"),
        Just("-0"),
        Just("null"),
        Just("\\u0000"),
        Just("\"\\ud800\""),
        Just(" "),
        Just("\u{feff}"),
        Just("\"x\""),
        Just("\""),
        Just("9999999999999999999"),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

/// JSON values of any shape, as text.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<f64>().prop_filter_map("finite", |number| { number.is_finite().then(|| number.to_string()) }),
        Just("1e999".to_owned()),
        Just("-1e-999".to_owned()),
        "\"[a-z]{0,8}\"",
        Just("\"\\udc00\\u0000\"".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(","))),
            vec(("[a-z]{1,6}", inner), 0..4).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_bytes_in_any_header(
        authorization in vec(vec(any::<u8>(), 0..40), 0..3),
        cookie in vec(vec(any::<u8>(), 0..40), 0..3),
        origin in vec(vec(any::<u8>(), 0..10), 0..3),
        changes_state: bool,
    ) {
        fn lines(lines: &[Vec<u8>]) -> Vec<&[u8]> {
            lines.iter().map(Vec::as_slice).collect()
        }
        let (authorization, cookie, origin) = (lines(&authorization), lines(&cookie), lines(&origin));
        let credentials =
            Headers { authorization: &authorization, cookie: &cookie, origin: &origin, changes_state };
        prop_assert!(is_refused(&judge(credentials)));
    }

    #[test]
    fn any_bytes_in_the_cookies_that_count(
        plain in vec(any::<u8>(), 0..60),
        suffixed in vec(any::<u8>(), 0..60),
        uats in ("[0-9x-]{0,22}", "[0-9x-]{0,22}"),
    ) {
        let line = [
            b"__session=", &plain[..], b"; __client_uat=", uats.0.as_bytes(),
            b"; __session_l2OS3d9k=", &suffixed, b"; __client_uat_l2OS3d9k=", uats.1.as_bytes(),
        ].concat();
        let verdict = judge(Headers { cookie: &[&line], ..Headers::default() });
        prop_assert!(is_refused(&verdict));
    }

    #[test]
    fn any_bytes_as_a_token(token in vec(any::<u8>(), 0..200)) {
        prop_assert!(is_refused(&judge_bearer(&token)));
    }

    #[test]
    fn any_parts_that_the_right_key_signed(header in jsonish(), payload in jsonish()) {
        let token = seal(&KEY, &header, &payload);
        prop_assert!(is_refused(&judge_bearer(token.as_bytes())));
    }

    #[test]
    fn claims_of_any_type_that_the_right_key_signed(values in vec(json(), 9)) {
        let names = ["sub", "sid", "iss", "azp", "aud", "exp", "nbf", "iat", "sts"];
        let claims = names.iter().zip(&values).fold(claims(), |claims, (name, value)| claims.set(name, value));
        let token = token(&KEY, &header(), &claims);
        prop_assert!(is_refused(&judge_bearer(token.as_bytes())), "{}", claims.text());
    }

    #[test]
    fn claims_that_nobody_reads(name in "[a-z]{4,9}", value in json()) {
        let claims = claims().set(&name, &value);
        // What is no JSON text to begin with, such as a name that stands twice, is not the point here.
        let token = token(&KEY, &header(), &claims);
        let verdict = judge_bearer(token.as_bytes());
        prop_assert!(verdict == accepted() || verdict == Err("malformed_token"), "{}", claims.text());
        if !value.starts_with('{') && !value.starts_with('[') {
            prop_assert_eq!(verdict, accepted(), "{}", claims.text());
        }
    }

    #[test]
    fn a_token_with_one_byte_changed(at in any::<prop::sample::Index>(), byte: u8) {
        let mut token = GOOD.clone().into_bytes();
        let at = at.index(token.len());
        prop_assume!(token[at] != byte);
        token[at] = byte;
        prop_assert!(is_refused(&judge_bearer(&token)));
    }

    #[test]
    fn a_token_with_a_piece_cut_out_doubled_or_put_in(
        from in any::<prop::sample::Index>(), length in 1..20_usize, put_in in "[A-Za-z0-9_.-]{0,20}",
    ) {
        let from = from.index(GOOD.len());
        let to = (from + length).min(GOOD.len());
        prop_assume!(GOOD[from..to] != put_in);
        let token = format!("{}{put_in}{}", &GOOD[..from], &GOOD[to..]);
        prop_assert!(is_refused(&judge_bearer(token.as_bytes())));
        let doubled = format!("{}{}", &GOOD[..to], &GOOD[from..]);
        prop_assert!(is_refused(&judge_bearer(doubled.as_bytes())));
    }
}

#[test]
fn the_token_that_is_changed_here_is_good() {
    assert_eq!(judge_bearer(GOOD.as_bytes()), accepted());
}
