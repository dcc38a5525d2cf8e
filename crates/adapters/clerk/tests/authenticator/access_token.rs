//! OAuth access tokens, which only one endpoint accepts (docs/reference/clerk-tokens.md, section 3).

use icp_clerk::{AdminRule, ClerkAuthenticator, ClerkSettings, OAuthResource, SessionCookie};
use icp_ports::Authenticator as _;

use crate::support::{
    INSTANCE_KEY, INSUFFICIENT_SCOPE, ISSUER, JsonObject, NOW, OTHER_KEY, Outcome, RequestHeaders, USER,
    accepted, authenticate_bearer, caller, outcome, settings, split_values, start, token,
};

const RESOURCE: &str = "https://icp.example.com/mcp";

fn access_header() -> JsonObject {
    JsonObject::default().set("alg", r#""RS256""#).set("kid", r#""key_1""#).set("typ", r#""at+jwt""#)
}

fn access_claims() -> JsonObject {
    JsonObject::default()
        .set("aud", &format!(r#"["{RESOURCE}"]"#))
        .set("client_id", r#""client_1""#)
        .set("exp", &(NOW + 3_600).to_string())
        .set("iat", &NOW.to_string())
        .set("iss", &format!(r#""{ISSUER}""#))
        .set("jti", r#""oat_1""#)
        .set("scope", r#""profile email""#)
        .set("sub", &format!(r#""{USER}""#))
}

fn resource() -> OAuthResource {
    let client_ids = vec!["client_known".to_owned()];
    OAuthResource { url: RESOURCE.to_owned(), client_ids, required_scopes: Vec::new() }
}

fn endpoint() -> ClerkAuthenticator {
    start(settings()).for_resource(resource())
}

async fn auth(claims: &JsonObject) -> Outcome {
    authenticate_bearer(&endpoint(), &token(&INSTANCE_KEY, &access_header(), claims)).await
}

async fn auth_header(header: &JsonObject) -> Outcome {
    authenticate_bearer(&endpoint(), &token(&INSTANCE_KEY, header, &access_claims())).await
}

#[tokio::test]
async fn only_resource_accepts_access_tokens() {
    let other_endpoint = start(ClerkSettings { session_cookie: SessionCookie::Plain, ..settings() });
    let endpoint = other_endpoint.for_resource(resource());
    let access = token(&INSTANCE_KEY, &access_header(), &access_claims());
    let session = token(&INSTANCE_KEY, &crate::support::header(), &crate::support::claims());
    for _ in 0..3 {
        assert_eq!(authenticate_bearer(&endpoint, &access).await, accepted());
        assert_eq!(authenticate_bearer(&endpoint, &session).await, accepted());
        assert_eq!(authenticate_bearer(&other_endpoint, &access).await, Err("access_token"));
        assert_eq!(authenticate_bearer(&other_endpoint, &session).await, accepted());
    }
    let cookie = format!("__session={access}; __client_uat=1");
    let cookie = RequestHeaders { cookie: &[cookie.as_bytes()], ..RequestHeaders::default() };
    assert_eq!(
        outcome(endpoint.authenticate(&cookie).await),
        Err("access_token"),
        "an access token must be refused in a cookie"
    );
    let other_resource = OAuthResource { url: "https://other.example.com/mcp".to_owned(), ..resource() };
    assert_eq!(
        authenticate_bearer(&other_endpoint.for_resource(other_resource), &access).await,
        Err("wrong_resource")
    );
}

#[tokio::test]
async fn type_at_jwt_is_accepted_in_any_case() {
    for typ in split_values(r#""at+jwt" ; "AT+JWT" ; "application/at+jwt" ; "Application/At+Jwt""#) {
        assert_eq!(auth_header(&access_header().set("typ", typ)).await, accepted(), "{typ}");
    }
    for typ in
        split_values(r#""at+jwt,x" ; "at jwt" ; "application/jwt" ; "text/at+jwt" ; null ; ["at+jwt"]"#)
    {
        assert_eq!(auth_header(&access_header().set("typ", typ)).await, Err("wrong_type"), "{typ}");
    }
    // Without this `typ`, the token is checked as a session token, and refused because `sid` is absent.
    assert_eq!(auth_header(&access_header().without("typ")).await, Err("no_session"));
    assert_eq!(auth_header(&access_header().set("typ", r#""JWT""#)).await, Err("no_session"));
}

#[tokio::test]
async fn common_rules_of_session_tokens_apply() {
    for (name, values, reason) in [
        ("alg", r#""HS256" ; "none""#, "wrong_algorithm"),
        ("crit", "[] ; null", "critical_header"),
        ("b64", "true", "critical_header"),
        ("kid", "1 ; null", "no_key_id"),
    ] {
        for value in split_values(values) {
            assert_eq!(auth_header(&access_header().set(name, value)).await, Err(reason), "{name}: {value}");
        }
    }
    for (name, values, reason) in [
        ("iss", r#""https://clerk.example.com/" ; null"#, "wrong_issuer"),
        ("exp", "1699999995", "expired"),
        ("exp", r#""1700003600""#, "malformed_time"),
        ("iat", "1700000006", "issued_in_future"),
        ("nbf", "1700000006", "not_yet_valid"),
        ("sub", r#""""#, "no_subject"),
        ("sub", r#""mch_1""#, "machine_token"),
        ("client_id", r#""" ; 1 ; null"#, "no_client"),
        ("scope", "[] ; null", "malformed_scope"),
        ("act", "1", "malformed_actor"),
    ] {
        for value in split_values(values) {
            assert_eq!(auth(&access_claims().set(name, value)).await, Err(reason), "{name}: {value}");
        }
    }
    for (name, reason) in [
        ("exp", "malformed_time"),
        ("sub", "no_subject"),
        ("client_id", "no_client"),
        ("iss", "wrong_issuer"),
    ] {
        assert_eq!(auth(&access_claims().without(name)).await, Err(reason), "{name}");
    }
    assert_eq!(auth(&access_claims().set("exp", "1699999996")).await, accepted());
    assert_eq!(auth(&access_claims().without("iat").without("scope").without("jti")).await, accepted());
    let forged = token(&OTHER_KEY, &access_header(), &access_claims());
    assert_eq!(authenticate_bearer(&endpoint(), &forged).await, Err("bad_signature"));
    for opaque in ["oat_0ef5a7a33d87ed87ee7954c845d80450", "ak_xxx", "mt_xxx"] {
        assert_eq!(authenticate_bearer(&endpoint(), opaque).await, Err("malformed_token"), "{opaque}");
    }
}

#[tokio::test]
async fn claims_of_session_tokens_are_ignored() {
    let (authorized_parties, audience) = (vec!["https://app.example.com".to_owned()], vec!["icp".to_owned()]);
    let settings = ClerkSettings { authorized_parties, audience, ..settings() };
    let endpoint = start(settings).for_resource(resource());
    for name in ["azp", "sid", "sts"] {
        for value in split_values(r#"null ; 1 ; "" ; "pending" ; ["x"]"#) {
            let token = token(&INSTANCE_KEY, &access_header(), &access_claims().set(name, value));
            assert_eq!(authenticate_bearer(&endpoint, &token).await, accepted(), "{name}: {value}");
        }
    }
    for cat in split_values(r#"null ; "cl_B7d4PD222AAA" ; []"#) {
        assert_eq!(auth_header(&access_header().set("cat", cat)).await, accepted(), "{cat}");
    }
}

#[tokio::test]
async fn token_must_name_resource_or_configured_client() {
    let configured_client = || access_claims().set("client_id", r#""client_known""#);
    for aud in split_values(r#""https://icp.example.com/mcp" ; ["other","https://icp.example.com/mcp"]"#) {
        assert_eq!(auth(&access_claims().set("aud", aud)).await, accepted(), "{aud}");
    }
    let other_audiences = r#""https://icp.example.com/mcp/" ; "https://icp.example.com" ; "https://ICP.example.com/mcp" ;
        "client_1" ; ["https://icp.example.com/mcp",1] ; {"https://icp.example.com/mcp":1} ; [] ; null ; """#;
    for aud in split_values(other_audiences) {
        assert_eq!(auth(&access_claims().set("aud", aud)).await, Err("wrong_resource"), "{aud}");
        assert_eq!(auth(&configured_client().set("aud", aud)).await, accepted(), "{aud}");
    }
    assert_eq!(auth(&access_claims().without("aud")).await, Err("wrong_resource"));
    assert_eq!(auth(&configured_client().without("aud")).await, accepted());
}

#[tokio::test]
async fn all_required_scopes_must_be_granted() {
    let required_scopes = vec!["email".to_owned(), "icp:write".to_owned()];
    let endpoint = start(settings()).for_resource(OAuthResource { required_scopes, ..resource() });
    let auth = async |claims: JsonObject| {
        authenticate_bearer(&endpoint, &token(&INSTANCE_KEY, &access_header(), &claims)).await
    };
    let scope = |scope: &str| access_claims().set("scope", &format!("{scope:?}"));
    for granted in ["email icp:write", "icp:write  email", "a icp:write b email"] {
        assert_eq!(auth(scope(granted)).await, accepted(), "{granted}");
    }
    let table = split_values(
        " ; email ; icp:write ; email,icp:write ; EMAIL icp:write ; email icp:writer ; email	icp:write",
    );
    for granted in table {
        assert_eq!(auth(scope(granted)).await, Err(INSUFFICIENT_SCOPE), "{granted}");
    }
    assert_eq!(auth(access_claims().without("scope")).await, Err(INSUFFICIENT_SCOPE));
    assert_eq!(
        auth(scope("").set("exp", "1")).await,
        Err("expired"),
        "the expiry must be checked before the scopes"
    );
    assert_eq!(auth(scope("").set("aud", "[]")).await, Err("wrong_resource"));
    let session = token(&INSTANCE_KEY, &crate::support::header(), &crate::support::claims());
    assert_eq!(authenticate_bearer(&endpoint, &session).await, accepted(), "a session token needs no scopes");
}

#[tokio::test]
async fn caller_has_actor_and_is_never_admin() {
    let admin =
        AdminRule { user_ids: vec![USER.parse().unwrap()], claim: Some("/metadata/role".parse().unwrap()) };
    let endpoint = start(ClerkSettings { admin, ..settings() }).for_resource(resource());
    let claims = access_claims().set("metadata", r#"{"role":"admin"}"#);
    let user = caller(&endpoint, &token(&INSTANCE_KEY, &access_header(), &claims)).await.unwrap();
    assert_eq!((user.user_id().as_str(), user.is_admin(), user.actor()), (USER, false, None));
    let claims = claims.set("act", r#"{"sub":"user_support"}"#);
    let user = caller(&endpoint, &token(&INSTANCE_KEY, &access_header(), &claims)).await.unwrap();
    assert_eq!(user.actor().unwrap().as_str(), "user_support");
}
