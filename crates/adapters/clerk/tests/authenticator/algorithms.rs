//! The header of a token cannot select another algorithm or another key.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{RSA_PKCS1_SHA512, RSA_PSS_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::support::{
    INSTANCE_KEY, OTHER_KEY, Outcome, accepted, authenticate_bearer, claims, header, settings, split_values,
    start, token, unsigned_token,
};

/// Authenticates with a token that has `algorithm` in its header, and a signature made by `sign`.
async fn auth(algorithm: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> Outcome {
    let signed = unsigned_token(header().set("alg", algorithm).text().as_bytes(), claims().text().as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
    authenticate_bearer(&start(settings()), &format!("{signed}.{signature}")).await
}

fn hmac_sha256(secret: &[u8], signed: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed).as_ref().to_vec()
}

#[tokio::test]
async fn public_key_is_not_accepted_as_hmac_secret() {
    for secret in
        [INSTANCE_KEY.spki_pem().into_bytes(), INSTANCE_KEY.pkcs1_pem().into_bytes(), INSTANCE_KEY.spki()]
    {
        assert_eq!(auth(r#""HS256""#, |signed| hmac_sha256(&secret, signed)).await, Err("wrong_algorithm"));
    }
}

#[tokio::test]
async fn other_algorithms_are_refused() {
    let forged = auth(r#""RS512""#, |signed| INSTANCE_KEY.sign_with(&RSA_PKCS1_SHA512, signed)).await;
    assert_eq!(forged, Err("wrong_algorithm"));
    let forged = auth(r#""PS256""#, |signed| INSTANCE_KEY.sign_with(&RSA_PSS_SHA256, signed)).await;
    assert_eq!(forged, Err("wrong_algorithm"));
    for algorithm in
        split_values(r#""none" ; "None" ; "" ; "rs256" ; "ES256" ; "RS256 " ; null ; 256 ; ["RS256"]"#)
    {
        assert_eq!(
            auth(algorithm, |signed| INSTANCE_KEY.sign(signed)).await,
            Err("wrong_algorithm"),
            "{algorithm}"
        );
    }
    let forged = token(&INSTANCE_KEY, &header().without("alg"), &claims());
    assert_eq!(authenticate_bearer(&start(settings()), &forged).await, Err("wrong_algorithm"));
}

#[tokio::test]
async fn rs256_token_with_other_signature_is_refused() {
    type Sign = fn(&[u8]) -> Vec<u8>;
    let signatures: [Sign; 8] = [
        |signed| INSTANCE_KEY.sign_with(&RSA_PKCS1_SHA512, signed),
        |signed| INSTANCE_KEY.sign_with(&RSA_PSS_SHA256, signed),
        |signed| hmac_sha256(&INSTANCE_KEY.spki(), signed),
        |_| Vec::new(),
        |_| vec![0; 256],
        |_| vec![0xff; 256],
        |signed| [&[0][..], &INSTANCE_KEY.sign(signed)].concat(),
        |signed| [&INSTANCE_KEY.sign(signed)[..], &[0]].concat(),
    ];
    for sign in signatures {
        assert_eq!(auth(r#""RS256""#, sign).await, Err("bad_signature"));
    }
}

#[tokio::test]
async fn key_in_token_header_is_ignored() {
    let authenticator = start(settings());
    let header_with_key = header()
        .set("jwk", &OTHER_KEY.jwk("key_1"))
        .set("jku", r#""https://evil.example.com/jwks""#)
        .set("x5u", r#""https://evil.example.com/x5u""#)
        .set("x5c", r#"["AAAA"]"#);
    assert_eq!(
        authenticate_bearer(&authenticator, &token(&OTHER_KEY, &header_with_key, &claims())).await,
        Err("bad_signature")
    );
    assert_eq!(
        authenticate_bearer(&authenticator, &token(&INSTANCE_KEY, &header_with_key, &claims())).await,
        accepted()
    );
}

#[tokio::test]
async fn ignored_header_fields_may_have_any_type() {
    let authenticator = start(settings());
    for (name, value) in
        [("jku", "1"), ("jwk", "1"), ("x5u", "{}"), ("x5c", "null"), ("x5t", "[]"), ("cty", "true")]
    {
        let header = header().set(name, value);
        assert_eq!(
            authenticate_bearer(&authenticator, &token(&INSTANCE_KEY, &header, &claims())).await,
            accepted(),
            "{name}"
        );
    }
}
