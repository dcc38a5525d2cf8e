//! The session cookie, where it is switched on.

use icp_clerk::{ClerkSettings, SessionCookie};
use icp_ports::Authenticator as _;

use crate::support::{
    Headers, KEY, NOW, Verdict, claims, header, settings, signed_in, start, token, verdict,
};

/// Of clerk.example.com, which is the issuer of the tokens here.
const PUBLISHABLE_KEY: &str = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k";
const SUFFIX: &str = "l2OS3d9k";
const ORIGIN: &str = "https://app.example.com";

fn of_instance() -> ClerkSettings {
    let session_cookie = SessionCookie::OfInstance(PUBLISHABLE_KEY.parse().unwrap());
    ClerkSettings { session_cookie, authorized_parties: vec![ORIGIN.to_owned()], ..settings() }
}

fn plain_only() -> ClerkSettings {
    ClerkSettings { session_cookie: SessionCookie::Plain, ..of_instance() }
}

/// A session token whose user tells which cookie it came from.
fn session(user: &str, iat: i64) -> String {
    token(&KEY, &header(), &claims().set("sub", &format!("\"{user}\"")).set("iat", &iat.to_string()))
}

fn foreign_session() -> String {
    token(&KEY, &header(), &claims().set("iss", r#""https://other.example.com""#))
}

async fn judge(settings: ClerkSettings, lines: &[&str]) -> Verdict {
    let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
    let credentials = Headers { cookie: &lines, ..Headers::default() };
    verdict(start(settings).authenticate(&credentials).await)
}

/// The four cookies; an empty value leaves one out.
#[derive(Default)]
struct Cookies<'a> {
    plain: &'a str,
    plain_uat: &'a str,
    suffixed: &'a str,
    suffixed_uat: &'a str,
}

impl Cookies<'_> {
    async fn judge(&self) -> Verdict {
        let named = [
            ("__session".to_owned(), self.plain),
            ("__client_uat".to_owned(), self.plain_uat),
            (format!("__session_{SUFFIX}"), self.suffixed),
            (format!("__client_uat_{SUFFIX}"), self.suffixed_uat),
        ];
        let present = named.iter().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<_> = present.map(|(name, value)| format!("{name}={value}")).collect();
        judge(of_instance(), &[&pairs.join("; ")]).await
    }
}

const UAT: &str = "1600000000";

#[tokio::test]
async fn the_plain_pair_signs_in() {
    let plain = session("plain", NOW - 10);
    let line = format!("__session={plain}; __client_uat={UAT}");
    assert_eq!(judge(plain_only(), &[&line]).await, signed_in("plain"));
    assert_eq!(judge(of_instance(), &[&line]).await, signed_in("plain"));
    assert_eq!(judge(settings(), &[&line]).await, Err("no_credentials"), "it is off");
}

#[tokio::test]
async fn the_suffixed_pair_signs_in_where_the_instance_is_known() {
    let line = format!("__session_{SUFFIX}={}; __client_uat_{SUFFIX}={UAT}", session("suffixed", NOW - 10));
    assert_eq!(judge(of_instance(), &[&line]).await, signed_in("suffixed"));
    assert_eq!(judge(plain_only(), &[&line]).await, Err("no_credentials"));
    let other = line.replace(SUFFIX, "AAAAAAAA");
    assert_eq!(judge(of_instance(), &[&other]).await, Err("no_credentials"));
}

#[tokio::test]
async fn no_cookie_is_no_credential() {
    for lines in [&[][..], &[""], &["a=b"], &["__client_uat=1600000000"], &["__session="], &["__session"]] {
        assert_eq!(judge(of_instance(), lines).await, Err("no_credentials"), "{lines:?}");
    }
    // Cookies of Clerk's handshake.
    let handshake =
        format!("__clerk_handshake={0}; __refresh={0}; __clerk_db_jwt={0}", session("x", NOW - 10));
    assert_eq!(judge(of_instance(), &[&handshake]).await, Err("no_credentials"));
}

#[tokio::test]
async fn of_two_pairs_the_suffixed_one_counts() {
    let (plain, suffixed) = (session("plain", NOW - 10), session("suffixed", NOW - 10));
    let both = Cookies { plain: &plain, plain_uat: UAT, suffixed: &suffixed, suffixed_uat: UAT };
    assert_eq!(both.judge().await, signed_in("suffixed"), "as old as the plain one");
    let older = session("plain", NOW - 11);
    assert_eq!(Cookies { plain: &older, ..both }.judge().await, signed_in("suffixed"));
    let undated = token(&KEY, &header(), &claims().without("iat"));
    let both = Cookies { plain: &undated, plain_uat: UAT, suffixed: &suffixed, suffixed_uat: UAT };
    assert_eq!(both.judge().await, signed_in("suffixed"));
    let both = Cookies { plain: "", plain_uat: UAT, suffixed: &suffixed, suffixed_uat: UAT };
    assert_eq!(both.judge().await, signed_in("suffixed"));
}

#[tokio::test]
async fn a_newer_plain_pair_counts_unless_either_is_signed_out() {
    let (plain, suffixed) = (session("plain", NOW - 9), session("suffixed", NOW - 10));
    let judge = async |plain_uat, suffixed_uat| {
        Cookies { plain: &plain, plain_uat, suffixed: &suffixed, suffixed_uat }.judge().await
    };
    assert_eq!(judge(UAT, UAT).await, signed_in("plain"));
    assert_eq!(judge("0", UAT).await, signed_in("suffixed"));
    assert_eq!(judge(UAT, "0").await, signed_in("plain"), "the suffixed one is signed out");
    assert_eq!(judge("0", "0").await, Err("client_uat"));
    assert_eq!(judge("", UAT).await, Err("client_uat"), "the plain one counts, and lacks its time");
}

#[tokio::test]
async fn a_signed_out_suffixed_pair_gives_way() {
    let (plain, suffixed) = (session("plain", NOW - 11), session("suffixed", NOW - 10));
    let judge = async |plain_uat, suffixed_uat| {
        Cookies { plain: &plain, plain_uat, suffixed: &suffixed, suffixed_uat }.judge().await
    };
    assert_eq!(judge(UAT, "0").await, signed_in("plain"));
    assert_eq!(judge("", "0").await, Err("client_uat"));
    assert_eq!(judge("0", "0").await, Err("client_uat"));
    assert_eq!(judge("0", UAT).await, signed_in("suffixed"));
    let only_uat = Cookies { plain: &plain, plain_uat: UAT, suffixed: "", suffixed_uat: "0" };
    assert_eq!(only_uat.judge().await, signed_in("plain"));
}

#[tokio::test]
async fn a_suffixed_session_without_its_time_gives_way() {
    let (plain, suffixed) = (session("plain", NOW - 11), session("suffixed", NOW - 10));
    let lacking = Cookies { plain: &plain, plain_uat: UAT, suffixed: &suffixed, suffixed_uat: "" };
    assert_eq!(lacking.judge().await, signed_in("plain"));
    let alone = Cookies { suffixed: &suffixed, ..Cookies::default() };
    assert_eq!(alone.judge().await, Err("no_credentials"));
}

#[tokio::test]
async fn a_plain_session_of_no_instance_counts_and_fails() {
    let suffixed = session("suffixed", NOW - 10);
    let judge = async |plain: &str| {
        Cookies { plain, plain_uat: UAT, suffixed: &suffixed, suffixed_uat: UAT }.judge().await
    };
    let without = token(&KEY, &header(), &claims().without("iss"));
    assert_eq!(judge(&without).await, Err("wrong_issuer"));
    for iss in [r#""""#, "null", "1", r#"["https://clerk.example.com"]"#] {
        assert_eq!(
            judge(&token(&KEY, &header(), &claims().set("iss", iss))).await,
            Err("wrong_issuer"),
            "{iss}"
        );
    }
    for garbage in ["x", "a.b.c", "\"\"", "\u{fc}", "e30.e30"] {
        assert_eq!(judge(garbage).await, Err("malformed_token"), "{garbage}");
    }
}

#[tokio::test]
async fn a_plain_session_of_another_instance_leaves_the_suffixed_one() {
    let (foreign, suffixed) = (foreign_session(), session("suffixed", NOW - 100));
    for plain_uat in ["", "0", UAT] {
        let both = Cookies { plain: &foreign, plain_uat, suffixed: &suffixed, suffixed_uat: UAT };
        assert_eq!(both.judge().await, signed_in("suffixed"), "{plain_uat}");
    }
    let lacking = Cookies { plain: &foreign, plain_uat: UAT, suffixed: &suffixed, suffixed_uat: "" };
    assert_eq!(lacking.judge().await, Err("client_uat"));
    let alone = Cookies { plain: &foreign, plain_uat: UAT, ..Cookies::default() };
    assert_eq!(alone.judge().await, Err("no_credentials"));
    let line = format!("__session={foreign}; __client_uat={UAT}");
    assert_eq!(judge(plain_only(), &[&line]).await, Err("wrong_issuer"));
}

#[tokio::test]
async fn the_instance_is_known_by_its_host() {
    let http = token(&KEY, &header(), &claims().set("iss", r#""http://clerk.example.com""#));
    let suffixed = session("suffixed", NOW - 10);
    let both = Cookies { plain: &http, plain_uat: UAT, suffixed: &suffixed, suffixed_uat: "0" };
    assert_eq!(both.judge().await, Err("wrong_issuer"), "the plain one counts, and its issuer is another");
}

#[tokio::test]
async fn the_client_time_is_above_0_and_not_after_the_token() {
    let judge = async |session: &str, uat: &str| {
        judge(plain_only(), &[&format!("__session={session}; __client_uat={uat}")]).await
    };
    let token_at = session("plain", NOW - 10);
    for uat in ["1", "1600000000", "1699999989", "1699999990", "0001699999990"] {
        assert_eq!(judge(&token_at, uat).await, signed_in("plain"), "{uat}");
    }
    for uat in [
        "1699999991",
        "1700000000",
        "99999999999999999999",
        "0",
        "",
        "-1",
        "+1",
        "1.0",
        "1e3",
        "x",
        "1x",
        "\"1\"",
        "1 2",
    ] {
        assert_eq!(judge(&token_at, uat).await, Err("client_uat"), "{uat}");
    }
    assert_eq!(judge(&token(&KEY, &header(), &claims().without("iat")), "1").await, Err("client_uat"));
    let fraction = token(&KEY, &header(), &claims().set("iat", "1699999990.9"));
    assert!(judge(&fraction, "1699999990").await.is_ok());
    assert_eq!(judge(&fraction, "1699999991").await, Err("client_uat"));
}

#[tokio::test]
async fn the_client_time_is_judged_for_a_remembered_token_too() {
    let authenticator = start(plain_only());
    let session = session("plain", NOW - 10);
    let judge = async |uat: &str| {
        let line = format!("__session={session}; __client_uat={uat}");
        let credentials = Headers { cookie: &[line.as_bytes()], ..Headers::default() };
        verdict(authenticator.authenticate(&credentials).await)
    };
    assert_eq!(judge(UAT).await, signed_in("plain"));
    assert_eq!(judge("1700000000").await, Err("client_uat"), "the user has signed in anew since");
    assert_eq!(judge(UAT).await, signed_in("plain"));
}

#[tokio::test]
async fn the_first_of_two_equal_names_counts() {
    let (one, two) = (session("one", NOW - 10), session("two", NOW - 9));
    let first = format!("__session={one}; __client_uat={UAT}; __session={two}; __client_uat=0");
    assert_eq!(judge(plain_only(), &[&first]).await, signed_in("one"));
    let (first, second) = (format!("__session={one}; __client_uat={UAT}"), format!("__session={two}"));
    assert_eq!(judge(plain_only(), &[&first, &second]).await, signed_in("one"));
    assert_eq!(judge(plain_only(), &[&second, &first]).await, signed_in("two"));
}

#[tokio::test]
async fn what_else_is_in_the_jar_costs_nothing() {
    let session = session("plain", NOW - 10);
    let odd = b"a=\xff\xfe; \xc3=\x80; =; ;; b=\"; c; d=%; ".to_vec();
    let line = [&odd[..], format!("__session={session} ;__client_uat={UAT}").as_bytes()].concat();
    let credentials = Headers { cookie: &[&odd, &line], ..Headers::default() };
    assert_eq!(verdict(start(plain_only()).authenticate(&credentials).await), signed_in("plain"));
}

#[tokio::test]
async fn a_value_is_taken_as_it_is() {
    let session = session("plain", NOW - 10);
    for value in [format!("\"{session}\""), session.replace('.', "%2E"), format!("Bearer {session}")] {
        let line = format!("__session={value}; __client_uat={UAT}");
        assert_eq!(judge(plain_only(), &[&line]).await, Err("malformed_token"));
    }
    for name in ["__Session", "__SESSION", "session", "__session ", "__session_", "__sessions"] {
        let line = format!("{name}={session}; __client_uat={UAT}");
        let expected = if name == "__session " { signed_in("plain") } else { Err("no_credentials") };
        assert_eq!(judge(plain_only(), &[&line]).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_bearer_header_decides_alone() {
    let line = format!("__session={}; __client_uat={UAT}", session("plain", NOW - 10));
    let authenticator = start(plain_only());
    let judge = async |authorization: &[&[u8]]| {
        let credentials = Headers { authorization, cookie: &[line.as_bytes()], ..Headers::default() };
        verdict(authenticator.authenticate(&credentials).await)
    };
    let good = format!("Bearer {}", session("bearer", NOW - 10));
    assert_eq!(judge(&[good.as_bytes()]).await, signed_in("bearer"));
    for bad in [&b"Bearer x"[..], b"Bearer", b"bearer ", b"x", b"Bearer \xff"] {
        assert!(judge(&[bad]).await.is_err(), "{}", bad.escape_ascii());
    }
    assert!(judge(&[b"Basic dTpw", b"Basic dTpw"]).await.is_err());
    assert_eq!(judge(&[b"Basic dTpw"]).await, signed_in("plain"), "another scheme is no Bearer header");
}

async fn change(settings: ClerkSettings, origin: &[&[u8]]) -> Verdict {
    let line = format!("__session={}; __client_uat={UAT}", session("plain", NOW - 10));
    let cookie = [line.as_bytes()];
    let credentials = Headers { authorization: &[], cookie: &cookie, origin, changes_state: true };
    verdict(start(settings).authenticate(&credentials).await)
}

#[tokio::test]
async fn a_change_by_cookie_comes_from_an_authorized_party() {
    assert_eq!(change(plain_only(), &[ORIGIN.as_bytes()]).await, signed_in("plain"));
    let origins: [&[&[u8]]; 9] = [
        &[],
        &[b""],
        &[b"null"],
        &[b"https://evil.example.com"],
        &[b"https://app.example.com/"],
        &[b"https://APP.example.com"],
        &[b"http://app.example.com"],
        &[ORIGIN.as_bytes(), ORIGIN.as_bytes()],
        &[ORIGIN.as_bytes(), b"https://evil.example.com"],
    ];
    for origin in origins {
        assert_eq!(change(plain_only(), origin).await, Err("cookie_origin"), "{origin:?}");
    }
    let nobody = ClerkSettings { authorized_parties: Vec::new(), ..plain_only() };
    assert_eq!(change(nobody, &[ORIGIN.as_bytes()]).await, Err("cookie_origin"), "nobody is authorized");
}

#[tokio::test]
async fn reading_by_cookie_and_changing_by_header_need_no_origin() {
    let line = format!("__session={}; __client_uat={UAT}", session("plain", NOW - 10));
    assert_eq!(judge(plain_only(), &[&line]).await, signed_in("plain"));
    let header = format!("Bearer {}", session("bearer", NOW - 10));
    let lines = [header.as_bytes()];
    for origin in [&[][..], &[&b"https://evil.example.com"[..]]] {
        let credentials = Headers { authorization: &lines, cookie: &[], origin, changes_state: true };
        assert_eq!(verdict(start(plain_only()).authenticate(&credentials).await), signed_in("bearer"));
    }
}
