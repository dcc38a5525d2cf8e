//! A key that is given as text.

use icp_clerk::{ClerkAuthenticator, ClerkSettings, InvalidPemKey, KeySource, PemKey, StartError};
use icp_ports::{Health, HealthCheck as _};

use crate::support::{
    KEY, OTHER, TestClock, Verdict, accepted, bearer, claims, header, settings, start, token,
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

async fn judge_with(pem: &str) -> Verdict {
    let settings = ClerkSettings { keys: KeySource::Pem(pem.parse().unwrap()), ..settings() };
    bearer(&start(settings), &token(&KEY, &header(), &claims())).await
}

#[tokio::test]
async fn a_key_in_every_form() {
    for pem in [KEY.spki_pem(), KEY.pkcs1_pem()] {
        assert_eq!(judge_with(&pem).await, accepted());
        assert_eq!(judge_with(&pem.replace('\n', "\\n")).await, accepted());
        assert_eq!(judge_with(&pem.replace('\n', "\\r\\n")).await, accepted());
        assert_eq!(judge_with(&pem.replace('\n', "\r\n")).await, accepted());
        assert_eq!(judge_with(&format!("\n  {}  \n", pem.trim_end())).await, accepted());
    }
    assert_eq!(judge_with(&OTHER.spki_pem()).await, Err("bad_signature"));
}

#[test]
fn what_is_no_key_is_refused_with_its_reason() {
    let good = KEY.spki_pem();
    let parse = |text: &str| text.parse::<PemKey>().unwrap_err();
    for text in [
        String::new(),
        "key".to_owned(),
        good.replace('-', ""),
        good.replace("-----END PUBLIC KEY-----", ""),
        good.replace("END PUBLIC", "END RSA PUBLIC"),
        good.replacen('M', "!", 1),
        format!("{good}{good}"),
        format!("{good}x"),
        format!("x{good}"),
        KEY.jwk("key_1"),
    ] {
        assert_eq!(parse(&text), InvalidPemKey::NotPem, "{text}");
    }
    assert_eq!(parse(&KEY.private_pem()), InvalidPemKey::Private);
    assert_eq!(parse(&KEY.private_pem().replace("PRIVATE", "RSA PRIVATE")), InvalidPemKey::Private);
    assert_eq!(parse(&KEY.private_pem().replace("PRIVATE", "PUBLIC")), InvalidPemKey::NotRsa);
    assert_eq!(parse(&good.replace("PUBLIC KEY", "CERTIFICATE")), InvalidPemKey::OtherLabel);
    assert_eq!(parse("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----"), InvalidPemKey::NotRsa);
    assert_eq!(parse("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"), InvalidPemKey::NotRsa);
    assert_eq!(parse(ELLIPTIC), InvalidPemKey::NotRsa);
    assert_eq!(parse(SHORT), InvalidPemKey::Size(1024));
}

#[tokio::test]
async fn its_name_is_of_no_account_but_is_text() {
    let authenticator = start(settings());
    assert_eq!(bearer(&authenticator, &token(&KEY, &header().without("kid"), &claims())).await, accepted());
    for kid in [r#""""#, r#""another""#, r#""\u0000""#] {
        assert_eq!(
            bearer(&authenticator, &token(&KEY, &header().set("kid", kid), &claims())).await,
            accepted()
        );
    }
    for kid in ["null", "1", "[]", "{}"] {
        let token = token(&KEY, &header().set("kid", kid), &claims());
        assert_eq!(bearer(&authenticator, &token).await, Err("no_key_id"), "{kid}");
    }
}

#[tokio::test]
async fn it_is_always_in_good_health() {
    assert_eq!(start(settings()).health().await, Health::Ok);
}

#[test]
fn it_needs_no_runtime() {
    assert!(ClerkAuthenticator::start(settings(), TestClock::new()).is_ok());
}

#[test]
fn an_empty_issuer_is_refused() {
    let settings = ClerkSettings { issuer: String::new(), ..settings() };
    let error = ClerkAuthenticator::start(settings, TestClock::new()).unwrap_err();
    assert!(matches!(error, StartError::NoIssuer));
}
