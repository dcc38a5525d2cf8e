//! What a well-signed token must claim.

use icp_clerk::{AdminRule, ClerkAuthenticator, ClerkSettings};

use crate::support::{
    KEY, NOW, Object, TestClock, USER, Verdict, accepted, bearer, caller, claims, header, settings, start,
    token,
};

async fn judge(claims: &Object) -> Verdict {
    judge_with(settings(), claims).await
}

async fn judge_with(settings: ClerkSettings, claims: &Object) -> Verdict {
    bearer(&start(settings), &token(&KEY, &header(), claims)).await
}

#[tokio::test]
async fn subject_and_session_are_texts() {
    for (name, reason) in [("sub", "no_subject"), ("sid", "no_session")] {
        assert_eq!(judge(&claims().without(name)).await, Err(reason));
        for value in
            [r#""""#, "null", "1", "[]", r#"["user_1"]"#, "{}", "true", r#""a\u0000b""#, r#""\ud800""#]
        {
            assert_eq!(judge(&claims().set(name, value)).await, Err(reason), "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn any_text_names_a_user() {
    for (sub, user) in
        [(r#""x""#, "x"), (r#"" ""#, " "), (r#""\u00fc\ud83e\udd80""#, "ü🦀"), (r#""MCH_1""#, "MCH_1")]
    {
        assert_eq!(judge(&claims().set("sub", sub)).await, Ok(user.to_owned()));
    }
}

#[tokio::test]
async fn machines_are_no_users() {
    for sub in [r#""mch_1""#, r#""mch_""#, r#""\u006dch_1""#] {
        assert_eq!(judge(&claims().set("sub", sub)).await, Err("machine_token"), "{sub}");
    }
}

#[tokio::test]
async fn the_issuer_is_equal_to_the_byte() {
    assert_eq!(judge(&claims().without("iss")).await, Err("wrong_issuer"));
    for iss in [
        r#""https://clerk.example.com/""#,
        r#""https://clerk.example.co""#,
        r#""https://CLERK.example.com""#,
        r#""http://clerk.example.com""#,
        r#""clerk.example.com""#,
        r#"" https://clerk.example.com""#,
        r#"["https://clerk.example.com"]"#,
        r#""""#,
        "null",
        "1",
    ] {
        assert_eq!(judge(&claims().set("iss", iss)).await, Err("wrong_issuer"), "{iss}");
    }
    assert_eq!(judge(&claims().set("iss", r#""https:\/\/clerk.example.com""#)).await, accepted());
}

fn with_parties() -> ClerkSettings {
    let parties = ["http://localhost:3000", "https://app.example.com"].map(str::to_owned);
    ClerkSettings { authorized_parties: parties.into(), ..settings() }
}

#[tokio::test]
async fn the_authorized_party_is_one_of_ours() {
    assert_eq!(judge_with(with_parties(), &claims()).await, accepted());
    let local = claims().set("azp", r#""http://localhost:3000""#);
    assert_eq!(judge_with(with_parties(), &local).await, accepted());
    assert_eq!(judge_with(with_parties(), &claims().without("azp")).await, Err("wrong_party"));
    for azp in [
        r#""https://app.example.com/""#,
        r#""https://APP.example.com""#,
        r#""https://evil.example.com""#,
        r#""https://app.example.com.evil.com""#,
        r#"["https://app.example.com"]"#,
        r#""""#,
        "null",
        "0",
        "{}",
    ] {
        assert_eq!(judge_with(with_parties(), &claims().set("azp", azp)).await, Err("wrong_party"), "{azp}");
    }
}

#[tokio::test]
async fn an_empty_party_is_nobody_even_when_configured() {
    let settings = ClerkSettings { authorized_parties: vec![String::new()], ..settings() };
    assert_eq!(judge_with(settings, &claims().set("azp", r#""""#)).await, Err("wrong_party"));
}

#[tokio::test]
async fn without_parties_azp_is_not_looked_at() {
    assert_eq!(judge(&claims().without("azp")).await, accepted());
    for azp in [r#""https://evil.example.com""#, "null", "[]", "1"] {
        assert_eq!(judge(&claims().set("azp", azp)).await, accepted(), "{azp}");
    }
}

#[tokio::test]
async fn an_audience_is_refused_where_none_is_configured() {
    for aud in [r#""icp""#, r#"["icp"]"#, r#""""#, "[]", "null", "1"] {
        assert_eq!(judge(&claims().set("aud", aud)).await, Err("wrong_audience"), "{aud}");
    }
}

#[tokio::test]
async fn a_configured_audience_must_be_named() {
    let settings = || ClerkSettings { audience: vec!["icp".to_owned(), "icp-2".to_owned()], ..settings() };
    for aud in [r#""icp""#, r#""icp-2""#, r#"["icp"]"#, r#"["other","icp-2"]"#] {
        assert_eq!(judge_with(settings(), &claims().set("aud", aud)).await, accepted(), "{aud}");
    }
    assert_eq!(judge_with(settings(), &claims()).await, Err("wrong_audience"));
    for aud in [
        r#""""#,
        r#""ICP""#,
        r#""icp ""#,
        r#""icp,icp-2""#,
        "[]",
        r#"["other"]"#,
        r#"[["icp"]]"#,
        r#"["icp",1]"#,
        r#"{"icp":"icp"}"#,
        "null",
        "true",
    ] {
        assert_eq!(judge_with(settings(), &claims().set("aud", aud)).await, Err("wrong_audience"), "{aud}");
    }
}

#[tokio::test]
async fn a_session_is_active() {
    assert_eq!(judge(&claims().set("sts", r#""active""#)).await, accepted());
    for sts in [r#""pending""#, r#""Active""#, r#""""#, "null", "true", r#"["active"]"#] {
        assert_eq!(judge(&claims().set("sts", sts)).await, Err("inactive_session"), "{sts}");
    }
}

fn at(milliseconds: i64) -> ClerkAuthenticator {
    let clock = TestClock::new();
    clock.set(milliseconds);
    ClerkAuthenticator::start(settings(), clock).unwrap()
}

async fn judge_at(milliseconds: i64, claims: &Object) -> Verdict {
    bearer(&at(milliseconds), &token(&KEY, &header(), claims)).await
}

#[tokio::test]
async fn five_seconds_of_skew_to_the_millisecond() {
    let expiring = claims().set("exp", &NOW.to_string());
    assert_eq!(judge_at(NOW * 1000 + 4_999, &expiring).await, accepted());
    assert_eq!(judge_at(NOW * 1000 + 5_000, &expiring).await, Err("expired"));
    assert_eq!(judge_at(NOW * 1000 + 5_001, &expiring).await, Err("expired"));
    for (name, reason) in [("nbf", "not_yet_valid"), ("iat", "issued_in_future")] {
        let future = claims().set(name, &NOW.to_string());
        assert_eq!(judge_at(NOW * 1000 - 4_999, &future).await, accepted());
        assert_eq!(judge_at(NOW * 1000 - 5_000, &future).await, accepted());
        assert_eq!(judge_at(NOW * 1000 - 5_001, &future).await, Err(reason));
    }
}

#[tokio::test]
async fn fractions_are_cut_toward_zero() {
    let expiring = claims().set("exp", &format!("{NOW}.999"));
    assert_eq!(judge_at(NOW * 1000 + 4_999, &expiring).await, accepted());
    assert_eq!(judge_at(NOW * 1000 + 5_000, &expiring).await, Err("expired"));
    for name in ["nbf", "iat"] {
        let future = claims().set(name, &format!("{NOW}.999"));
        assert_eq!(judge_at(NOW * 1000 - 5_000, &future).await, accepted());
    }
}

#[tokio::test]
async fn times_are_numbers_in_range() {
    for value in [
        "null",
        "true",
        r#""1700000050""#,
        "[]",
        "{}",
        "1e400",
        "-1e400",
        "8640000000001",
        "-8640000000001",
        "1e13",
        "123456789012345678901234567890",
    ] {
        for name in ["exp", "nbf", "iat"] {
            assert_eq!(judge(&claims().set(name, value)).await, Err("malformed_time"), "{name}: {value}");
        }
    }
    for value in ["8640000000000", "8640000000000.9", "8.64e12", "1700000050", "17000000500e-1"] {
        assert_eq!(judge(&claims().set("exp", value)).await, accepted(), "{value}");
    }
    for value in ["-8640000000000", "-0", "0", "-0.5", "1e-400", "-1e9"] {
        assert_eq!(judge(&claims().set("exp", value)).await, Err("expired"), "{value}");
        assert_eq!(judge(&claims().set("nbf", value).set("iat", value)).await, accepted(), "{value}");
    }
    assert_eq!(judge(&claims().set("nbf", "8.64e12")).await, Err("not_yet_valid"));
    assert_eq!(judge(&claims().set("iat", "8.64e12")).await, Err("issued_in_future"));
}

#[tokio::test]
async fn only_the_expiry_is_required() {
    assert_eq!(judge(&claims().without("exp")).await, Err("malformed_time"));
    assert_eq!(judge(&claims().without("nbf").without("iat")).await, accepted());
}

#[tokio::test]
async fn all_other_claims_are_nobodys_business() {
    let odd =
        ["null", "0", "1e400", r#""""#, r#""\u0000""#, r#""\ud800""#, "[]", r#"{"\ud800":[{}]}"#, "false"];
    for name in
        ["o", "org_id", "org_role", "org_permissions", "act", "fva", "fea", "pla", "v", "jti", "x", "SUB"]
    {
        for value in odd {
            assert_eq!(judge(&claims().set(name, value)).await, accepted(), "{name}: {value}");
        }
    }
    assert_eq!(judge(&claims().set(r"\u0000", "1").set(r"\ud800", "1").set("", "1")).await, accepted());
}

#[tokio::test]
async fn who_is_an_admin() {
    let is_admin = async |admin: AdminRule, claims: Object| {
        let authenticator = start(ClerkSettings { admin, ..settings() });
        caller(&authenticator, &token(&KEY, &header(), &claims)).await.unwrap().is_admin()
    };
    let named = |id: &str| AdminRule { user_ids: vec![id.parse().unwrap()], claim: None };
    let claimed = || AdminRule { user_ids: vec![], claim: Some("/metadata/role".parse().unwrap()) };
    let admin_claims = || claims().set("metadata", r#"{"role":"admin"}"#);

    assert!(is_admin(named(USER), claims()).await);
    assert!(!is_admin(named("user_other"), claims()).await);
    assert!(!is_admin(AdminRule::default(), admin_claims()).await, "no claim is configured");
    assert!(is_admin(claimed(), admin_claims()).await);
    assert!(!is_admin(claimed(), claims()).await);
    assert!(!is_admin(claimed(), claims().set("metadata", r#"{"role":"Admin"}"#)).await);
    assert!(!is_admin(claimed(), claims().set("metadata", r#"{"role":["admin"]}"#)).await);
    assert!(!is_admin(claimed(), claims().set("role", r#""admin""#)).await);
}
