//! The `Authorization` header.

use icp_ports::Authenticator as _;

use crate::support::{
    INSTANCE_KEY, Outcome, RequestHeaders, accepted, claims, header, outcome, settings, split_values, start,
    token,
};

async fn auth(authorization: &[&[u8]]) -> Outcome {
    // The cookie must be ignored, because the settings do not enable cookies.
    let cookie = format!("__session={}; __client_uat=1", valid_token());
    let credentials =
        RequestHeaders { authorization, cookie: &[cookie.as_bytes()], ..RequestHeaders::default() };
    outcome(start(settings()).authenticate(&credentials).await)
}

fn valid_token() -> String {
    token(&INSTANCE_KEY, &header(), &claims())
}

#[tokio::test]
async fn bearer_scheme_is_accepted_in_any_case() {
    for scheme in ["Bearer", "bearer", "BEARER", "beAReR"] {
        assert_eq!(auth(&[format!("{scheme} {}", valid_token()).as_bytes()]).await, accepted(), "{scheme}");
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
    let token = valid_token();
    let table = split_values(
        "@ ; Bearer@ ; Bearer  @ ; Bearer @, Bearer @ ; Bearer x @ ; Bearer \"@\" ; Token @ ; Bearer @é",
    );
    for line in table {
        assert!(auth(&[line.replace('@', &token).as_bytes()]).await.is_err(), "{line}");
    }
}

#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let valid_line = format!("Bearer {}", valid_token());
    let valid_line = valid_line.as_bytes();
    for lines in [
        [valid_line, valid_line],
        [valid_line, b""],
        [b"", valid_line],
        [valid_line, b"Bearer x"],
        [b"Basic dTpw", valid_line],
    ] {
        assert_eq!(auth(&lines).await, Err("malformed_authorization"));
    }
}
