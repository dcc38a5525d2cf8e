//! Keys in PEM.

use icp_clerk::{ClerkAuthenticator, ClerkSettings, KeySource, PublicKey};
use icp_ports::{Health, HealthCheck as _};

use crate::support::{
    KEY, OTHER, Outcome, TestClock, accepted, bearer, claims, each, header, settings, start, token,
};

/// openssl genrsa 1024
const SHORT: &str = "-----BEGIN PUBLIC KEY-----\n\
    MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDGGT8CtwSp+emnnQQLS5HcCB96\n\
    3k+ynpUB1rRitr6lhRgTzsefuSVCt9YtTGEYUw7xOKOT48+EvhXSwPha5fggkMJQ\n\
    D7RIjeeHt84ZqK96fvVbhVnicXIAIen/H4XFp/SLOy/NIQ/P4YqaUNYhFENK+VJh\n\
    N1QIvYl6ip0jN6umZQIDAQAB\n\
    -----END PUBLIC KEY-----";
/// openssl ecparam -name prime256v1 -genkey
const ELLIPTIC: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1pKAOXBnm2tVtRXYPDiO8KsRDoYZ\n\
    BfY8O9MUxTkDEmiO5ED68S7qAGzqoaMdJ/8zwPsjsbXSyHE7xx/jqnCN9g==\n\
    -----END PUBLIC KEY-----";

async fn auth_with(pem: &str) -> Outcome {
    let settings = ClerkSettings { keys: KeySource::Pem(pem.parse().unwrap()), ..settings() };
    bearer(&start(settings), &token(&KEY, &header(), &claims())).await
}

#[tokio::test]
async fn key_is_read_in_every_form() {
    for pem in [KEY.spki_pem(), KEY.pkcs1_pem()] {
        assert_eq!(auth_with(&pem).await, accepted());
        assert_eq!(auth_with(&pem.replace('\n', "\\n")).await, accepted());
        assert_eq!(auth_with(&pem.replace('\n', "\\r\\n")).await, accepted());
        assert_eq!(auth_with(&pem.replace('\n', "\r\n")).await, accepted());
        assert_eq!(auth_with(&format!("\n  {}  \n", pem.trim_end())).await, accepted());
    }
    assert_eq!(auth_with(&OTHER.spki_pem()).await, Err("bad_signature"));
}

#[test]
fn invalid_key_is_refused_with_reason() {
    let (good, private) = (KEY.spki_pem(), KEY.private_pem());
    let empty = "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----".to_owned();
    let damaged =
        [good.replace('-', ""), good.replace("-----END PUBLIC KEY-----", ""), good.replacen('M', "!", 1)];
    let not_one =
        [format!("{good}{good}"), format!("{good}x"), format!("x{good}"), KEY.jwk("key_1"), String::new()];
    for (texts, reason) in [
        (&damaged[..], "not one PEM block"),
        (&not_one, "not one PEM block"),
        (&[good.replace("END PUBLIC", "END RSA PUBLIC")], "not one PEM block"),
        (&[private.clone(), private.replace("PRIVATE", "RSA PRIVATE")], "a private key"),
        (&[good.replace("PUBLIC KEY", "CERTIFICATE")], "not a PUBLIC KEY"),
        (&[private.replace("PRIVATE", "PUBLIC"), ELLIPTIC.to_owned(), empty], "not an RSA public key"),
        (&[SHORT.to_owned()], "from 2048 to 8192 bits"),
    ] {
        for text in texts {
            let error = text.parse::<PublicKey>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}: {text}");
        }
    }
}

#[tokio::test]
async fn key_id_is_ignored_but_must_be_text() {
    let authenticator = start(settings());
    assert_eq!(authenticator.health().await, Health::Ok);
    assert_eq!(bearer(&authenticator, &token(&KEY, &header().without("kid"), &claims())).await, accepted());
    let table = [(r#""" ; "another" ; "\u0000""#, accepted()), ("null ; 1 ; [] ; {}", Err("no_key_id"))];
    for (kids, expected) in table {
        for kid in each(kids) {
            let token = token(&KEY, &header().set("kid", kid), &claims());
            assert_eq!(bearer(&authenticator, &token).await, expected, "{kid}");
        }
    }
}

#[test]
fn pem_key_needs_no_runtime() {
    assert!(ClerkAuthenticator::start(settings(), TestClock::new()).is_ok());
}
