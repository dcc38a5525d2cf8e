//! Authentication with the session cookie.

use icp_clerk::{ClerkSettings, SessionCookie};
use icp_ports::Authenticator as _;

use crate::support::{
    INSTANCE_KEY, Outcome, RequestHeaders, claims, header, outcome, settings, signed_in, split_values, start,
    token,
};

/// The cookie suffix of the instance clerk.example.com, which issues the tokens of these tests.
const SUFFIX: &str = "_l2OS3d9k";
const ORIGIN: &str = "https://app.example.com";
/// A valid value of the cookie `__client_uat`: a time before the tokens of these tests were issued.
const CLIENT_UAT: &str = "1600000000";

fn suffixed_and_plain() -> ClerkSettings {
    let session_cookie = SessionCookie::OfInstance("pk_test_Y2xlcmsuZXhhbXBsZS5jb20k".parse().unwrap());
    ClerkSettings { session_cookie, authorized_parties: vec![ORIGIN.to_owned()], ..settings() }
}

fn plain_only() -> ClerkSettings {
    ClerkSettings { session_cookie: SessionCookie::Plain, ..suffixed_and_plain() }
}

/// Returns a session token. The name of its user shows which cookie was accepted.
fn session(user: &str) -> String {
    token(&INSTANCE_KEY, &header(), &claims().set("sub", &format!("\"{user}\"")))
}

/// Returns the two cookies `__session` and `__client_uat`. A cookie with an empty value is omitted.
fn cookie_pair(suffix: &str, session: &str, uat: &str) -> String {
    let cookies =
        [("__session", session), ("__client_uat", uat)].into_iter().filter(|(_, value)| !value.is_empty());
    cookies.map(|(name, value)| format!("{name}{suffix}={value}; ")).collect::<Vec<_>>().concat()
}

async fn auth(settings: ClerkSettings, lines: &[&str]) -> Outcome {
    let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
    let credentials = RequestHeaders { cookie: &lines, ..RequestHeaders::default() };
    outcome(start(settings).authenticate(&credentials).await)
}

#[tokio::test]
async fn unsuffixed_cookies_sign_in_if_enabled() {
    let line = cookie_pair("", &session("plain"), CLIENT_UAT);
    assert_eq!(auth(plain_only(), &[&line]).await, signed_in("plain"));
    assert_eq!(auth(suffixed_and_plain(), &[&line]).await, signed_in("plain"));
    assert_eq!(auth(settings(), &[&line]).await, Err("no_credentials"));
}

#[tokio::test]
async fn suffixed_session_takes_precedence_over_plain() {
    let (plain, suffixed) = (session("plain"), session("suffixed"));
    let auth_both = async |plain: (&str, &str), suffixed: (&str, &str)| {
        auth(
            suffixed_and_plain(),
            &[&(cookie_pair("", plain.0, plain.1) + &cookie_pair(SUFFIX, suffixed.0, suffixed.1))],
        )
        .await
    };
    for plain in ["", "x", "a.b.c", &plain] {
        for plain_uat in ["", "0", "x", CLIENT_UAT] {
            assert_eq!(auth_both((plain, plain_uat), (&suffixed, CLIENT_UAT)).await, signed_in("suffixed"));
        }
    }
    for suffixed_uat in ["", "0", "x", "1700000000"] {
        assert_eq!(auth_both((&plain, CLIENT_UAT), (&suffixed, suffixed_uat)).await, Err("client_uat"));
    }
    assert_eq!(auth_both((&plain, CLIENT_UAT), ("x", CLIENT_UAT)).await, Err("malformed_token"));
    for suffixed_uat in ["", "0", CLIENT_UAT] {
        assert_eq!(
            auth_both((&plain, CLIENT_UAT), ("", suffixed_uat)).await,
            signed_in("plain"),
            "without a suffixed session, the plain session must be used"
        );
    }
    let empty_session = format!("__session{SUFFIX}=; __client_uat{SUFFIX}={CLIENT_UAT}; ");
    assert_eq!(
        auth(suffixed_and_plain(), &[&(empty_session + &cookie_pair("", &plain, CLIENT_UAT))]).await,
        Err("no_credentials"),
        "an empty suffixed session must take precedence, as after a sign-out"
    );
    let other_instance = cookie_pair("_AAAAAAAA", &suffixed, CLIENT_UAT);
    assert_eq!(
        auth(suffixed_and_plain(), &[&other_instance]).await,
        Err("no_credentials"),
        "the cookie of another instance must be ignored"
    );
    assert_eq!(
        auth(plain_only(), &[&cookie_pair(SUFFIX, &suffixed, CLIENT_UAT)]).await,
        Err("no_credentials")
    );
}

#[tokio::test]
async fn other_cookies_are_no_credentials() {
    let session = session("x");
    // The last three names are cookies of Clerk's handshake.
    let names = " ; a ; __session ; __client_uat ; __Session ; session ; __session_ ; __sessions ; __clerk_handshake ; \
                 __refresh ; __clerk_db_jwt";
    for name in split_values(names) {
        let value = if ["__session", "__client_uat"].contains(&name) { "" } else { &session };
        let line = format!("{name}={value}; __client_uat={CLIENT_UAT}; __session");
        assert_eq!(auth(suffixed_and_plain(), &[&line]).await, Err("no_credentials"), "{name}");
    }
    let unusual_header = b"a=\xff\xfe; \xc3=\x80; =; ;; b=\"; c; d=%; ".to_vec();
    let line = [&unusual_header[..], format!(" __session = {session} ;__client_uat={CLIENT_UAT}").as_bytes()]
        .concat();
    let credentials = RequestHeaders { cookie: &[&unusual_header, &line], ..RequestHeaders::default() };
    assert_eq!(outcome(start(plain_only()).authenticate(&credentials).await), signed_in("x"));
}

#[tokio::test]
async fn client_uat_must_be_positive_and_before_token() {
    let authenticator = start(plain_only());
    let auth = async |session: &str, uat: &str| {
        let line = format!("__session={session}; __client_uat={uat}");
        let credentials = RequestHeaders { cookie: &[line.as_bytes()], ..RequestHeaders::default() };
        outcome(authenticator.authenticate(&credentials).await)
    };
    // After its first use, the token is in the cache.
    let cached_token = session("plain");
    for uat in split_values("1 ; 1600000000 ; 1699999989 ; 1699999990 ; 0001699999990 ; %31") {
        assert_eq!(auth(&cached_token, uat).await, signed_in("plain"), "{uat}");
    }
    let table = split_values(
        "1699999991 ; 1700000000 ; 99999999999999999999 ; 0 ;  ; -1 ; +1 ; 1.0 ; 1e3 ; x ; 1x ; \"1\"",
    );
    for uat in table {
        assert_eq!(auth(&cached_token, uat).await, Err("client_uat"), "{uat}");
    }
    assert_eq!(
        auth(&token(&INSTANCE_KEY, &header(), &claims().without("iat")), "1").await,
        Err("client_uat")
    );
    let fraction = token(&INSTANCE_KEY, &header(), &claims().set("iat", "1699999990.9"));
    assert!(auth(&fraction, "1699999990").await.is_ok());
    assert_eq!(auth(&fraction, "1699999991").await, Err("client_uat"));
}

#[tokio::test]
async fn first_cookie_of_a_name_is_used() {
    let (first, second) =
        (cookie_pair("", &session("first"), CLIENT_UAT), cookie_pair("", &session("second"), "0"));
    assert_eq!(auth(plain_only(), &[&(first.clone() + &second)]).await, signed_in("first"));
    assert_eq!(auth(plain_only(), &[&first, &second]).await, signed_in("first"));
    assert_eq!(auth(plain_only(), &[&second, &first]).await, Err("client_uat"));
    assert_eq!(auth(plain_only(), &[&format!("__session=; {first}")]).await, Err("no_credentials"));
}

#[tokio::test]
async fn values_are_percent_decoded_and_keep_quotes() {
    let valid_token = session("plain");
    let auth = async |value: &str| auth(plain_only(), &[&cookie_pair("", value, CLIENT_UAT)]).await;
    assert_eq!(auth(&valid_token.replace('.', "%2E")).await, signed_in("plain"));
    for bad in ["\"@\"", "Bearer @", "@%", "@%zz"] {
        assert_eq!(auth(&bad.replace('@', &valid_token)).await, Err("malformed_token"), "{bad}");
    }
}

#[tokio::test]
async fn bearer_header_takes_precedence_over_cookies() {
    let cookie = cookie_pair("", &session("plain"), CLIENT_UAT);
    let authenticator = start(plain_only());
    let auth = async |authorization: &[&[u8]]| {
        let credentials =
            RequestHeaders { authorization, cookie: &[cookie.as_bytes()], ..RequestHeaders::default() };
        outcome(authenticator.authenticate(&credentials).await)
    };
    assert_eq!(auth(&[format!("Bearer {}", session("bearer")).as_bytes()]).await, signed_in("bearer"));
    for bad in [&b"Bearer x"[..], b"Bearer", b"bearer ", b"x", b"Bearer \xff"] {
        assert!(auth(&[bad]).await.is_err(), "{}", bad.escape_ascii());
    }
    assert!(auth(&[b"Basic dTpw", b"Basic dTpw"]).await.is_err());
    assert_eq!(auth(&[b"Basic dTpw"]).await, signed_in("plain"), "another scheme must be ignored");
}

#[tokio::test]
async fn changes_by_cookie_need_authorized_origin() {
    let (cookie, bearer_line) =
        (cookie_pair("", &session("plain"), CLIENT_UAT), format!("Bearer {}", session("bearer")));
    let change = async |settings: ClerkSettings, authorization: &[&[u8]], origin: &[&str]| {
        let origin: Vec<_> = origin.iter().map(|origin| origin.as_bytes()).collect();
        let (cookie, origin) = (&[cookie.as_bytes()][..], origin.as_slice());
        outcome(
            start(settings)
                .authenticate(&RequestHeaders { authorization, cookie, origin, changes_state: true })
                .await,
        )
    };
    let authorized = plain_only;
    assert_eq!(change(authorized(), &[], &[ORIGIN]).await, signed_in("plain"));
    for origin in [&[][..], &[ORIGIN, ORIGIN], &[ORIGIN, "https://evil.example.com"]] {
        assert_eq!(change(authorized(), &[], origin).await, Err("cookie_origin"), "{origin:?}");
    }
    let table = split_values(
        " ; null ; https://evil.example.com ; https://app.example.com/ ; https://APP.example.com",
    );
    for origin in table {
        assert_eq!(change(authorized(), &[], &[origin]).await, Err("cookie_origin"), "{origin}");
        let bearer_outcome = change(authorized(), &[bearer_line.as_bytes()], &[origin]).await;
        assert_eq!(bearer_outcome, signed_in("bearer"), "a bearer token needs no `Origin`");
    }
    let no_party = ClerkSettings { authorized_parties: Vec::new(), ..plain_only() };
    assert_eq!(
        change(no_party, &[], &[ORIGIN]).await,
        Err("cookie_origin"),
        "without authorized parties, every origin must be refused"
    );
}
