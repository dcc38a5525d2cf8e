//! The `Authorization` header.

use icp_ports::Authenticator as _;

use crate::support::{
    Headers, KEY, Outcome, accepted, claims, each, header, outcome, settings, start, token,
};

async fn auth(authorization: &[&[u8]]) -> Outcome {
    // A cookie is ignored unless it is enabled.
    let cookie = format!("__session={}; __client_uat=1", good());
    let credentials = Headers { authorization, cookie: &[cookie.as_bytes()], ..Headers::default() };
    outcome(start(settings()).authenticate(&credentials).await)
}

fn good() -> String {
    token(&KEY, &header(), &claims())
}

#[tokio::test]
async fn scheme_is_bearer_in_any_case() {
    for scheme in ["Bearer", "bearer", "BEARER", "beAReR"] {
        assert_eq!(auth(&[format!("{scheme} {}", good()).as_bytes()]).await, accepted(), "{scheme}");
    }
    for line in [&b""[..], b"Basic dTpw", b"Digest a=1, b=2", b"Bearer: abc"] {
        assert_eq!(auth(&[line]).await, Err("no_credentials"), "{}", line.escape_ascii());
    }
    assert_eq!(auth(&[]).await, Err("no_credentials"));
}

#[tokio::test]
async fn malformed_headers_are_refused() {
    let bytes = [&b"Bearer abc\xff"[..], b"Bearer abc\x7f", b"Bearer abc\n", b"Bearer\tabc", b"Basic \xff"];
    let spaces = [&b" "[..], b"Bearer ", b"Bearer  abc", b"Bearer abc ", b" Bearer abc", b"Bearer abc def"];
    for line in bytes.into_iter().chain(spaces).chain([&b"abc"[..], b"aaaa.bbbb.cccc", b"Bearer", b"Basic"]) {
        assert_eq!(auth(&[line]).await, Err("malformed_authorization"), "{}", line.escape_ascii());
    }
    let good = good();
    let table = each(
        "@ ; Bearer@ ; Bearer  @ ; Bearer @, Bearer @ ; Bearer x @ ; Bearer \"@\" ; Token @ ; Bearer @é",
    );
    for line in table {
        assert!(auth(&[line.replace('@', &good).as_bytes()]).await.is_err(), "{line}");
    }
}

#[tokio::test]
async fn two_headers_are_refused() {
    let good = format!("Bearer {}", good());
    let good = good.as_bytes();
    for lines in [[good, good], [good, b""], [b"", good], [good, b"Bearer x"], [b"Basic dTpw", good]] {
        assert_eq!(auth(&lines).await, Err("malformed_authorization"));
    }
}
