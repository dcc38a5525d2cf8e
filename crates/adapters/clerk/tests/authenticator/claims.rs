//! The claims of a token with a valid signature.

use std::sync::Arc;

use icp_clerk::{AdminRule, ClerkAuthenticator, ClerkSettings};

use crate::support::{
    INSTANCE_KEY, JsonObject, NOW, Outcome, TestClock, USER, accepted, authenticate_bearer, caller, claims,
    header, settings, split_values, start, token,
};

async fn auth(claims: &JsonObject) -> Outcome {
    auth_with(settings(), claims).await
}

async fn auth_with(settings: ClerkSettings, claims: &JsonObject) -> Outcome {
    authenticate_bearer(&start(settings), &token(&INSTANCE_KEY, &header(), claims)).await
}

/// Checks the outcome for each of the JSON values of a claim.
async fn assert_outcome(settings: impl Fn() -> ClerkSettings, name: &str, values: &str, expected: Outcome) {
    for value in split_values(values) {
        assert_eq!(auth_with(settings(), &claims().set(name, value)).await, expected, "{name}: {value}");
    }
}

#[tokio::test]
async fn subject_and_session_must_be_strings() {
    for (name, reason) in [("sub", "no_subject"), ("sid", "no_session")] {
        assert_eq!(auth(&claims().without(name)).await, Err(reason));
        let invalid_values = r#""" ; null ; 1 ; [] ; ["user_1"] ; {} ; true ; "\ud800""#;
        assert_outcome(settings, name, invalid_values, Err(reason)).await;
    }
    let with_u0000 = |name| claims().set(name, r#""a\u0000b""#);
    assert_eq!(auth(&with_u0000("sub")).await, Err("no_subject"), "the database cannot store U+0000");
    assert!(auth(&with_u0000("sid")).await.is_ok());
    let table =
        [(r#""x""#, "x"), (r#"" ""#, " "), (r#""\u00fc\ud83e\udd80""#, "ü🦀"), (r#""MCH_1""#, "MCH_1")];
    for (sub, user) in table {
        assert_eq!(auth(&claims().set("sub", sub)).await, Ok(user.to_owned()));
    }
}

#[tokio::test]
async fn machine_tokens_are_refused() {
    assert_outcome(settings, "sub", r#""mch_1" ; "mch_" ; "\u006dch_1""#, Err("machine_token")).await;
}

#[tokio::test]
async fn issuer_must_match_exactly() {
    assert_eq!(auth(&claims().without("iss")).await, Err("wrong_issuer"));
    let other_values = r#""https://clerk.example.com/" ; "https://clerk.example.co" ; "https://CLERK.example.com" ;
        "http://clerk.example.com" ; "clerk.example.com" ; " https://clerk.example.com" ;
        ["https://clerk.example.com"] ; "" ; null ; 1"#;
    assert_outcome(settings, "iss", other_values, Err("wrong_issuer")).await;
    assert_outcome(settings, "iss", r#""https:\/\/clerk.example.com""#, accepted()).await;
}

#[tokio::test]
async fn authorized_party_must_be_configured() {
    let parties = || {
        let parties = ["http://localhost:3000", "https://app.example.com", ""].map(str::to_owned);
        ClerkSettings { authorized_parties: parties.into(), ..settings() }
    };
    assert_outcome(parties, "azp", r#""http://localhost:3000" ; "https://app.example.com""#, accepted())
        .await;
    let other_values = r#""https://app.example.com/" ; "https://APP.example.com" ; "https://evil.example.com" ;
        "https://app.example.com.evil.com""#;
    assert_outcome(parties, "azp", other_values, Err("wrong_party")).await;
    assert_eq!(auth_with(parties(), &claims().without("azp")).await, Err("missing_party"));
    assert_outcome(
        parties,
        "azp",
        r#"["https://app.example.com"] ; "" ; null ; 0 ; {}"#,
        Err("missing_party"),
    )
    .await;
    // Without configured parties, `azp` is ignored.
    assert_eq!(auth(&claims().without("azp")).await, accepted());
    assert_outcome(settings, "azp", r#""https://evil.example.com" ; null ; [] ; 1"#, accepted()).await;
}

#[tokio::test]
async fn audience_is_refused_if_none_is_configured() {
    assert_outcome(settings, "aud", r#""icp" ; ["icp"] ; "" ; [] ; null ; 1"#, Err("wrong_audience")).await;
}

#[tokio::test]
async fn configured_audience_is_required() {
    let audience = || ClerkSettings { audience: vec!["icp".to_owned(), "icp-2".to_owned()], ..settings() };
    assert_outcome(audience, "aud", r#""icp" ; "icp-2" ; ["icp"] ; ["other","icp-2"]"#, accepted()).await;
    assert_eq!(auth_with(audience(), &claims()).await, Err("wrong_audience"));
    let other_values = r#""" ; "ICP" ; "icp " ; "icp,icp-2" ; [] ; ["other"] ; [["icp"]] ; ["icp",1] ; {"icp":"icp"} ; null ; true"#;
    assert_outcome(audience, "aud", other_values, Err("wrong_audience")).await;
}

#[tokio::test]
async fn inactive_sessions_are_refused() {
    assert_outcome(settings, "sts", r#""active""#, accepted()).await;
    assert_outcome(
        settings,
        "sts",
        r#""pending" ; "Active" ; "" ; null ; true ; ["active"]"#,
        Err("inactive_session"),
    )
    .await;
}

async fn auth_at(milliseconds: i64, claims: &JsonObject) -> Outcome {
    let clock = TestClock::new();
    clock.set(milliseconds);
    let authenticator = ClerkAuthenticator::start(settings(), Arc::clone(&clock) as _).unwrap();
    authenticate_bearer(&authenticator, &token(&INSTANCE_KEY, &header(), claims)).await
}

#[tokio::test]
async fn clock_skew_of_five_seconds_is_allowed() {
    for fraction in ["", ".0", ".999"] {
        let now = format!("{NOW}{fraction}");
        let expiring = claims().set("exp", &now);
        assert_eq!(auth_at(NOW * 1000 + 4_999, &expiring).await, accepted());
        assert_eq!(auth_at(NOW * 1000 + 5_000, &expiring).await, Err("expired"));
        for (name, reason) in [("nbf", "not_yet_valid"), ("iat", "issued_in_future")] {
            let future = claims().set(name, &now);
            assert_eq!(auth_at(NOW * 1000 - 5_000, &future).await, accepted());
            assert_eq!(auth_at(NOW * 1000 - 5_001, &future).await, Err(reason));
        }
    }
}

#[tokio::test]
async fn times_must_be_numbers_in_range() {
    let invalid_values = r#"null ; true ; "1700000050" ; 1e400 ; -1e400 ; 8640000000001 ; -8640000000001 ; 1e13 ;
        123456789012345678901234567890 ; [] ; {}"#;
    for name in ["exp", "nbf", "iat"] {
        assert_outcome(settings, name, invalid_values, Err("malformed_time")).await;
    }
    assert_outcome(
        settings,
        "exp",
        "8640000000000 ; 8640000000000.9 ; 8.64e12 ; 1700000050 ; 17000000500e-1",
        accepted(),
    )
    .await;
    for value in split_values("-8640000000000 ; -0 ; 0 ; -0.5 ; 1e-400 ; -1e9") {
        assert_eq!(auth(&claims().set("exp", value)).await, Err("expired"), "{value}");
        assert_eq!(auth(&claims().set("nbf", value).set("iat", value)).await, accepted(), "{value}");
    }
    assert_eq!(auth(&claims().set("nbf", "8.64e12")).await, Err("not_yet_valid"));
    assert_eq!(auth(&claims().set("iat", "8.64e12")).await, Err("issued_in_future"));
    assert_eq!(auth(&claims().without("exp")).await, Err("malformed_time"));
    assert_eq!(auth(&claims().without("nbf").without("iat")).await, accepted());
}

#[tokio::test]
async fn other_claims_are_ignored() {
    let table = split_values(
        "o ; org_id ; org_role ; fva ; fea ; pla ; v ; jti ; x ; SUB ; client_id ; scope ; \\u0000 ; ",
    );
    for name in table {
        let unusual_values = r#"null ; 0 ; 1e400 ; "" ; "\u0000" ; "\ud800" ; [] ; {"\ud800":[{}]} ; false"#;
        assert_outcome(settings, name, unusual_values, accepted()).await;
    }
}

#[tokio::test]
async fn configured_users_and_admin_claim_grant_admin() {
    let claim = || Some("/metadata/role".parse().unwrap());
    let admin_claims = || claims().set("metadata", r#"{"role":"admin"}"#);
    for (configured_admin, claim, claims, expected) in [
        (USER, None, claims(), true),
        ("user_other", None, admin_claims(), false),
        ("user_other", claim(), admin_claims(), true),
        ("user_other", claim(), claims(), false),
        ("user_other", claim(), claims().set("role", r#""admin""#), false),
    ] {
        let admin = AdminRule { user_ids: vec![configured_admin.parse().unwrap()], claim };
        let authenticator = start(ClerkSettings { admin, ..settings() });
        let caller = caller(&authenticator, &token(&INSTANCE_KEY, &header(), &claims)).await.unwrap();
        assert_eq!(caller.is_admin(), expected, "{configured_admin} {}", claims.text());
    }
}

#[tokio::test]
async fn impersonated_user_has_actor_and_is_no_admin() {
    let admin = AdminRule {
        user_ids: vec![USER.parse().unwrap(), "user_support".parse().unwrap()],
        claim: Some("/metadata/role".parse().unwrap()),
    };
    let authenticator = start(ClerkSettings { admin, ..settings() });
    let claims = claims().set("metadata", r#"{"role":"admin"}"#);
    let caller_of = async |claims: &JsonObject| {
        caller(&authenticator, &token(&INSTANCE_KEY, &header(), claims)).await.unwrap()
    };
    assert!(caller_of(&claims).await.is_admin());
    assert_eq!(caller_of(&claims).await.actor(), None);
    let impersonated =
        claims.clone().set("act", r#"{"iss":"https://x","sid":"sess_2","sub":"user_support"}"#);
    for _ in 0..2 {
        let caller = caller_of(&impersonated).await;
        assert_eq!((caller.user_id().as_str(), caller.is_admin()), (USER, false));
        assert_eq!(caller.actor().unwrap().as_str(), "user_support");
    }
    let unusual_values = r#"null ; {} ; [] ; "user_support" ; ["user_support"] ; {"sub":""} ; {"sub":1} ; {"sub":"a","sub":"b"}"#;
    assert_outcome(settings, "act", unusual_values, Err("malformed_actor")).await;
}
