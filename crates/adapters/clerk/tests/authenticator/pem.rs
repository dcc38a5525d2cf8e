//! Authentication with a public key in PEM.

use icp_clerk::{ClerkAuthenticator, ClerkSettings, KeySource, PublicKey};
use icp_ports::{Health, HealthCheck as _};

use crate::support::{
    INSTANCE_KEY, OTHER_KEY, Outcome, TestClock, accepted, authenticate_bearer, claims, header, settings,
    split_values, start, token,
};

/// An RSA key of 1024 bits, generated with `openssl genrsa 1024`.
const SHORT_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDGGT8CtwSp+emnnQQLS5HcCB96\n\
    3k+ynpUB1rRitr6lhRgTzsefuSVCt9YtTGEYUw7xOKOT48+EvhXSwPha5fggkMJQ\n\
    D7RIjeeHt84ZqK96fvVbhVnicXIAIen/H4XFp/SLOy/NIQ/P4YqaUNYhFENK+VJh\n\
    N1QIvYl6ip0jN6umZQIDAQAB\n\
    -----END PUBLIC KEY-----";
/// An elliptic-curve key, generated with `openssl ecparam -name prime256v1 -genkey`.
const ELLIPTIC_CURVE_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1pKAOXBnm2tVtRXYPDiO8KsRDoYZ\n\
    BfY8O9MUxTkDEmiO5ED68S7qAGzqoaMdJ/8zwPsjsbXSyHE7xx/jqnCN9g==\n\
    -----END PUBLIC KEY-----";

async fn auth_with(pem: &str) -> Outcome {
    let settings = ClerkSettings { keys: KeySource::Pem(pem.parse().unwrap()), ..settings() };
    authenticate_bearer(&start(settings), &token(&INSTANCE_KEY, &header(), &claims())).await
}

#[tokio::test]
async fn key_is_read_in_every_pem_format() {
    for pem in [INSTANCE_KEY.spki_pem(), INSTANCE_KEY.pkcs1_pem()] {
        assert_eq!(auth_with(&pem).await, accepted());
        assert_eq!(auth_with(&pem.replace('\n', "\\n")).await, accepted());
        assert_eq!(auth_with(&pem.replace('\n', "\\r\\n")).await, accepted());
        assert_eq!(auth_with(&pem.replace('\n', "\r\n")).await, accepted());
        assert_eq!(auth_with(&format!("\n  {}  \n", pem.trim_end())).await, accepted());
    }
    assert_eq!(auth_with(&OTHER_KEY.spki_pem()).await, Err("bad_signature"));
}

#[test]
fn invalid_key_is_refused_with_reason() {
    let (valid, private) = (INSTANCE_KEY.spki_pem(), INSTANCE_KEY.private_pem());
    let empty = "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----".to_owned();
    let damaged =
        [valid.replace('-', ""), valid.replace("-----END PUBLIC KEY-----", ""), valid.replacen('M', "!", 1)];
    let not_one_block = [
        format!("{valid}{valid}"),
        format!("{valid}x"),
        format!("x{valid}"),
        INSTANCE_KEY.jwk("key_1"),
        String::new(),
    ];
    for (texts, reason) in [
        (&damaged[..], "not one PEM block"),
        (&not_one_block, "not one PEM block"),
        (&[valid.replace("END PUBLIC", "END RSA PUBLIC")], "not one PEM block"),
        (&[private.clone(), private.replace("PRIVATE", "RSA PRIVATE")], "a private key"),
        (&[valid.replace("PUBLIC KEY", "CERTIFICATE")], "not a PUBLIC KEY"),
        (
            &[private.replace("PRIVATE", "PUBLIC"), ELLIPTIC_CURVE_KEY.to_owned(), empty],
            "not an RSA public key",
        ),
        (&[SHORT_KEY.to_owned()], "from 2048 to 8192 bits"),
    ] {
        for text in texts {
            let error = text.parse::<PublicKey>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}: {text}");
        }
    }
}

#[tokio::test]
async fn key_id_is_ignored_but_must_be_string() {
    let authenticator = start(settings());
    assert_eq!(authenticator.health().await, Health::Ok);
    assert_eq!(
        authenticate_bearer(&authenticator, &token(&INSTANCE_KEY, &header().without("kid"), &claims())).await,
        accepted()
    );
    let table = [(r#""" ; "another" ; "\u0000""#, accepted()), ("null ; 1 ; [] ; {}", Err("no_key_id"))];
    for (kids, expected) in table {
        for kid in split_values(kids) {
            let token = token(&INSTANCE_KEY, &header().set("kid", kid), &claims());
            assert_eq!(authenticate_bearer(&authenticator, &token).await, expected, "{kid}");
        }
    }
}

#[test]
fn pem_key_needs_no_runtime() {
    assert!(ClerkAuthenticator::start(settings(), TestClock::new()).is_ok());
}
