//! A token says which algorithm and key it would like; neither is for it to choose.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{RSA_PKCS1_SHA512, RSA_PSS_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::support::{KEY, OTHER, accepted, bearer, claims, header, settings, start, token, unsigned};

fn with_algorithm(algorithm: &str) -> String {
    unsigned(header().set("alg", algorithm).text().as_bytes(), claims().text().as_bytes())
}

fn sealed(signed: &str, signature: &[u8]) -> String {
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn a_session_token_counts() {
    assert_eq!(bearer(&start(settings()), &token(&KEY, &header(), &claims())).await, accepted());
}

#[tokio::test]
async fn the_public_key_is_no_hmac_secret() {
    let authenticator = start(settings());
    let signed = with_algorithm(r#""HS256""#);
    for secret in [KEY.spki_pem().into_bytes(), KEY.pkcs1_pem().into_bytes(), KEY.spki()] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
        assert_eq!(bearer(&authenticator, &sealed(&signed, tag.as_ref())).await, Err("wrong_algorithm"));
    }
}

#[tokio::test]
async fn other_algorithms_are_refused_though_their_signature_is_good() {
    let authenticator = start(settings());
    let signed = with_algorithm(r#""RS512""#);
    let forged = sealed(&signed, &KEY.sign_with(&RSA_PKCS1_SHA512, signed.as_bytes()));
    assert_eq!(bearer(&authenticator, &forged).await, Err("wrong_algorithm"));
    let signed = with_algorithm(r#""PS256""#);
    let forged = sealed(&signed, &KEY.sign_with(&RSA_PSS_SHA256, signed.as_bytes()));
    assert_eq!(bearer(&authenticator, &forged).await, Err("wrong_algorithm"));
}

#[tokio::test]
async fn a_wrong_name_for_the_right_algorithm_is_refused() {
    let authenticator = start(settings());
    for algorithm in [
        r#""none""#,
        r#""None""#,
        r#""""#,
        r#""rs256""#,
        r#""ES256""#,
        r#""RS256 ""#,
        "null",
        "256",
        r#"["RS256"]"#,
    ] {
        let signed = with_algorithm(algorithm);
        let forged = sealed(&signed, &KEY.sign(signed.as_bytes()));
        assert_eq!(bearer(&authenticator, &forged).await, Err("wrong_algorithm"), "{algorithm}");
    }
    let forged = token(&KEY, &header().without("alg"), &claims());
    assert_eq!(bearer(&authenticator, &forged).await, Err("wrong_algorithm"));
}

#[tokio::test]
async fn the_right_name_for_a_wrong_algorithm_is_refused() {
    let authenticator = start(settings());
    let signed = with_algorithm(r#""RS256""#);
    for signature in [
        KEY.sign_with(&RSA_PKCS1_SHA512, signed.as_bytes()),
        KEY.sign_with(&RSA_PSS_SHA256, signed.as_bytes()),
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &KEY.spki()), signed.as_bytes()).as_ref().to_vec(),
        Vec::new(),
        vec![0; 256],
        vec![0xff; 256],
        [&[0][..], &KEY.sign(signed.as_bytes())].concat(),
        [&KEY.sign(signed.as_bytes())[..], &[0]].concat(),
    ] {
        assert_eq!(bearer(&authenticator, &sealed(&signed, &signature)).await, Err("bad_signature"));
    }
}

#[tokio::test]
async fn a_foreign_key_is_refused_even_when_the_token_brings_it_along() {
    let authenticator = start(settings());
    let embedded = header()
        .set("jwk", &OTHER.jwk("key_1"))
        .set("jku", r#""https://evil.example.com/jwks""#)
        .set("x5u", r#""https://evil.example.com/x5u""#)
        .set("x5c", r#"["AAAA"]"#);
    assert_eq!(bearer(&authenticator, &token(&OTHER, &embedded, &claims())).await, Err("bad_signature"));
    assert_eq!(bearer(&authenticator, &token(&KEY, &embedded, &claims())).await, accepted());
}

#[tokio::test]
async fn a_signature_is_over_these_very_bytes() {
    let authenticator = start(settings());
    let one = token(&KEY, &header(), &claims());
    let two = token(&KEY, &header(), &claims().set("sub", r#""user_mallory""#));
    let (body, _) = two.rsplit_once('.').unwrap();
    let (_, signature) = one.rsplit_once('.').unwrap();
    assert_eq!(bearer(&authenticator, &format!("{body}.{signature}")).await, Err("bad_signature"));
}
