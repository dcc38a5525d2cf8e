//! The session cookie, if it is enabled.

use icp_clerk::{ClerkSettings, SessionCookie};
use icp_ports::Authenticator as _;

use crate::support::{
    Headers, KEY, Outcome, claims, each, header, outcome, settings, signed_in, start, token,
};

/// The suffix of clerk.example.com, which is the issuer of the tokens here.
const SUFFIX: &str = "_l2OS3d9k";
const ORIGIN: &str = "https://app.example.com";
const UAT: &str = "1600000000";

fn of_instance() -> ClerkSettings {
    let session_cookie = SessionCookie::OfInstance("pk_test_Y2xlcmsuZXhhbXBsZS5jb20k".parse().unwrap());
    ClerkSettings { session_cookie, authorized_parties: vec![ORIGIN.to_owned()], ..settings() }
}

fn plain_only() -> ClerkSettings {
    ClerkSettings { session_cookie: SessionCookie::Plain, ..of_instance() }
}

/// A session token of a user that identifies its cookie.
fn session(user: &str) -> String {
    token(&KEY, &header(), &claims().set("sub", &format!("\"{user}\"")))
}

/// A pair of cookies. An empty value removes a cookie.
fn pair(suffix: &str, session: &str, uat: &str) -> String {
    let cookies =
        [("__session", session), ("__client_uat", uat)].into_iter().filter(|(_, value)| !value.is_empty());
    cookies.map(|(name, value)| format!("{name}{suffix}={value}; ")).collect::<Vec<_>>().concat()
}

async fn auth(settings: ClerkSettings, lines: &[&str]) -> Outcome {
    let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
    let credentials = Headers { cookie: &lines, ..Headers::default() };
    outcome(start(settings).authenticate(&credentials).await)
}

#[tokio::test]
async fn unsuffixed_cookies_sign_in_if_enabled() {
    let line = pair("", &session("plain"), UAT);
    assert_eq!(auth(plain_only(), &[&line]).await, signed_in("plain"));
    assert_eq!(auth(of_instance(), &[&line]).await, signed_in("plain"));
    assert_eq!(auth(settings(), &[&line]).await, Err("no_credentials"));
}

#[tokio::test]
async fn suffixed_session_decides_if_present() {
    let (plain, suffixed) = (session("plain"), session("suffixed"));
    let auth_both = async |plain: (&str, &str), suffixed: (&str, &str)| {
        auth(of_instance(), &[&(pair("", plain.0, plain.1) + &pair(SUFFIX, suffixed.0, suffixed.1))]).await
    };
    for plain in ["", "x", "a.b.c", &plain] {
        for plain_uat in ["", "0", "x", UAT] {
            assert_eq!(auth_both((plain, plain_uat), (&suffixed, UAT)).await, signed_in("suffixed"));
        }
    }
    for suffixed_uat in ["", "0", "x", "1700000000"] {
        assert_eq!(auth_both((&plain, UAT), (&suffixed, suffixed_uat)).await, Err("client_uat"));
    }
    assert_eq!(auth_both((&plain, UAT), ("x", UAT)).await, Err("malformed_token"));
    for suffixed_uat in ["", "0", UAT] {
        assert_eq!(auth_both((&plain, UAT), ("", suffixed_uat)).await, signed_in("plain"), "there is none");
    }
    let other = pair("_AAAAAAAA", &suffixed, UAT);
    assert_eq!(auth(of_instance(), &[&other]).await, Err("no_credentials"), "of another instance");
    assert_eq!(auth(plain_only(), &[&pair(SUFFIX, &suffixed, UAT)]).await, Err("no_credentials"));
}

#[tokio::test]
async fn other_cookies_are_no_credentials() {
    let session = session("x");
    // The last ones are cookies of Clerk's handshake.
    let names = " ; a ; __session ; __client_uat ; __Session ; session ; __session_ ; __sessions ; __clerk_handshake ; \
                 __refresh ; __clerk_db_jwt";
    for name in each(names) {
        let value = if ["__session", "__client_uat"].contains(&name) { "" } else { &session };
        let line = format!("{name}={value}; __client_uat={UAT}; __session");
        assert_eq!(auth(of_instance(), &[&line]).await, Err("no_credentials"), "{name}");
    }
    let odd = b"a=\xff\xfe; \xc3=\x80; =; ;; b=\"; c; d=%; ".to_vec();
    let line = [&odd[..], format!(" __session = {session} ;__client_uat={UAT}").as_bytes()].concat();
    let credentials = Headers { cookie: &[&odd, &line], ..Headers::default() };
    assert_eq!(outcome(start(plain_only()).authenticate(&credentials).await), signed_in("x"));
}

#[tokio::test]
async fn client_time_is_positive_and_not_after_token() {
    let authenticator = start(plain_only());
    let auth = async |session: &str, uat: &str| {
        let line = format!("__session={session}; __client_uat={uat}");
        let credentials = Headers { cookie: &[line.as_bytes()], ..Headers::default() };
        outcome(authenticator.authenticate(&credentials).await)
    };
    // From the second time on, the token is in the cache.
    let token_at = session("plain");
    for uat in each("1 ; 1600000000 ; 1699999989 ; 1699999990 ; 0001699999990 ; %31") {
        assert_eq!(auth(&token_at, uat).await, signed_in("plain"), "{uat}");
    }
    let table =
        each("1699999991 ; 1700000000 ; 99999999999999999999 ; 0 ;  ; -1 ; +1 ; 1.0 ; 1e3 ; x ; 1x ; \"1\"");
    for uat in table {
        assert_eq!(auth(&token_at, uat).await, Err("client_uat"), "{uat}");
    }
    assert_eq!(auth(&token(&KEY, &header(), &claims().without("iat")), "1").await, Err("client_uat"));
    let fraction = token(&KEY, &header(), &claims().set("iat", "1699999990.9"));
    assert!(auth(&fraction, "1699999990").await.is_ok());
    assert_eq!(auth(&fraction, "1699999991").await, Err("client_uat"));
}

#[tokio::test]
async fn first_of_two_equal_names_is_used() {
    let (one, two) = (pair("", &session("one"), UAT), pair("", &session("two"), "0"));
    assert_eq!(auth(plain_only(), &[&(one.clone() + &two)]).await, signed_in("one"));
    assert_eq!(auth(plain_only(), &[&one, &two]).await, signed_in("one"));
    assert_eq!(auth(plain_only(), &[&two, &one]).await, Err("client_uat"));
    assert_eq!(auth(plain_only(), &[&format!("__session=; {one}")]).await, Err("no_credentials"));
}

#[tokio::test]
async fn values_are_percent_decoded_and_keep_quotes() {
    let good = session("plain");
    let auth = async |value: &str| auth(plain_only(), &[&pair("", value, UAT)]).await;
    assert_eq!(auth(&good.replace('.', "%2E")).await, signed_in("plain"));
    for bad in ["\"@\"", "Bearer @", "@%", "@%zz"] {
        assert_eq!(auth(&bad.replace('@', &good)).await, Err("malformed_token"), "{bad}");
    }
}

#[tokio::test]
async fn bearer_header_takes_precedence_over_cookies() {
    let cookie = pair("", &session("plain"), UAT);
    let authenticator = start(plain_only());
    let auth = async |authorization: &[&[u8]]| {
        let credentials = Headers { authorization, cookie: &[cookie.as_bytes()], ..Headers::default() };
        outcome(authenticator.authenticate(&credentials).await)
    };
    assert_eq!(auth(&[format!("Bearer {}", session("bearer")).as_bytes()]).await, signed_in("bearer"));
    for bad in [&b"Bearer x"[..], b"Bearer", b"bearer ", b"x", b"Bearer \xff"] {
        assert!(auth(&[bad]).await.is_err(), "{}", bad.escape_ascii());
    }
    assert!(auth(&[b"Basic dTpw", b"Basic dTpw"]).await.is_err());
    assert_eq!(auth(&[b"Basic dTpw"]).await, signed_in("plain"), "another scheme is ignored");
}

#[tokio::test]
async fn change_by_cookie_needs_origin_of_authorized_party() {
    let (cookie, bearer) = (pair("", &session("plain"), UAT), format!("Bearer {}", session("bearer")));
    let change = async |settings: ClerkSettings, authorization: &[&[u8]], origin: &[&str]| {
        let origin: Vec<_> = origin.iter().map(|origin| origin.as_bytes()).collect();
        let (cookie, origin) = (&[cookie.as_bytes()][..], origin.as_slice());
        outcome(
            start(settings)
                .authenticate(&Headers { authorization, cookie, origin, changes_state: true })
                .await,
        )
    };
    let authorized = plain_only;
    assert_eq!(change(authorized(), &[], &[ORIGIN]).await, signed_in("plain"));
    for origin in [&[][..], &[ORIGIN, ORIGIN], &[ORIGIN, "https://evil.example.com"]] {
        assert_eq!(change(authorized(), &[], origin).await, Err("cookie_origin"), "{origin:?}");
    }
    let table =
        each(" ; null ; https://evil.example.com ; https://app.example.com/ ; https://APP.example.com");
    for origin in table {
        assert_eq!(change(authorized(), &[], &[origin]).await, Err("cookie_origin"), "{origin}");
        let by_header = change(authorized(), &[bearer.as_bytes()], &[origin]).await;
        assert_eq!(by_header, signed_in("bearer"), "a bearer token needs no origin");
    }
    let no_party = ClerkSettings { authorized_parties: Vec::new(), ..plain_only() };
    assert_eq!(change(no_party, &[], &[ORIGIN]).await, Err("cookie_origin"), "no party is authorized");
}
