//! Where a request may carry its token.

use icp_ports::Authenticator as _;

use crate::support::{Headers, KEY, Verdict, accepted, claims, header, settings, start, token, verdict};

async fn judge(authorization: &[&[u8]], cookie: &[&[u8]], origin: &[&[u8]]) -> Verdict {
    let credentials = Headers { authorization, cookie, origin, changes_state: false };
    verdict(start(settings()).authenticate(&credentials).await)
}

fn good() -> String {
    token(&KEY, &header(), &claims())
}

#[tokio::test]
async fn without_a_token_nobody_is_signed_in() {
    assert_eq!(judge(&[], &[], &[]).await, Err("no_credentials"));
    assert_eq!(judge(&[], &[], &[b"https://app.example.com"]).await, Err("no_credentials"));
    assert_eq!(judge(&[b"Basic dTpw"], &[], &[]).await, Err("no_credentials"));
}

#[tokio::test]
async fn the_scheme_is_written_in_any_case() {
    for scheme in ["Bearer", "bearer", "BEARER", "beAReR"] {
        let line = format!("{scheme} {}", good());
        assert_eq!(judge(&[line.as_bytes()], &[], &[]).await, accepted(), "{scheme}");
    }
}

#[tokio::test]
async fn a_good_token_in_a_bad_header_is_refused() {
    let token = good();
    for line in [
        token.clone(),
        format!("Bearer{token}"),
        format!("Bearer  {token}"),
        format!("Bearer\t{token}"),
        format!("Bearer {token} "),
        format!("Bearer {token} x"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer x {token}"),
        format!(" Bearer {token}"),
        format!("Bearer \"{token}\""),
        format!("Token {token}"),
        format!("Bearer {token}\u{80}"),
    ] {
        assert!(judge(&[line.as_bytes()], &[], &[]).await.is_err(), "{}", line.replace(&token, "<token>"));
    }
}

#[tokio::test]
async fn two_headers_are_refused_whichever_is_good() {
    let good = format!("Bearer {}", good());
    let good = good.as_bytes();
    for lines in [[good, good], [good, b""], [b"", good], [good, b"Bearer x"], [b"Bearer x", good]] {
        assert_eq!(judge(&lines, &[], &[]).await, Err("malformed_authorization"));
    }
}

#[tokio::test]
async fn the_cookie_is_no_credential_unless_it_is_switched_on() {
    let cookie = format!("__session={}; __client_uat=1", good());
    assert_eq!(judge(&[], &[cookie.as_bytes()], &[]).await, Err("no_credentials"));
}
