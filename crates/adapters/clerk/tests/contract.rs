//! The contract of an authenticator, with a PEM key.

#![cfg(test)]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use icp_clerk::{AdminRule, ClerkAuthenticator, ClerkSettings, KeySource, SessionCookie};
use icp_domain::Caller;
use icp_ports::SystemClock;
use icp_testkit::contract::{self, SignIn};

fn main() -> ExitCode {
    let key = Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"));
    contract::run(contract::authenticator("clerk", move || {
        let key = Arc::clone(&key);
        async move {
            let settings = ClerkSettings {
                issuer: "https://clerk.example.com".to_owned(),
                keys: KeySource::Pem(public_pem(&key).parse().expect("a public key")),
                authorized_parties: Vec::new(),
                audience: Vec::new(),
                admin: AdminRule {
                    user_ids: Vec::new(),
                    claim: Some("/metadata/role".parse().expect("a pointer")),
                },
                session_cookie: SessionCookie::Ignored,
            };
            let authenticator =
                ClerkAuthenticator::start(settings, Arc::new(SystemClock)).expect("it starts");
            SignIn::new(authenticator, move |caller| authorization(&key, caller))
        }
    }))
}

fn public_pem(key: &RsaKeyPair) -> String {
    let der: PublicKeyX509Der<'_> = key.public_key().as_der().expect("it has one");
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", STANDARD.encode(der.as_ref()))
}

fn authorization(key: &RsaKeyPair, caller: &Caller) -> Vec<u8> {
    let header = r#"{"alg":"RS256","kid":"ins_1","typ":"JWT"}"#;
    let role = if caller.is_admin() { "admin" } else { "member" };
    let now = seconds();
    let claims = format!(
        r#"{{"iss":"https://clerk.example.com","sub":"{}","sid":"sess_1","exp":{},"metadata":{{"role":"{role}"}}}}"#,
        caller.user_id(),
        now + 60,
    );
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).expect("it signs");
    format!("Bearer {message}.{}", URL_SAFE_NO_PAD.encode(signature)).into_bytes()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the authenticator under test looks at the machine's clock, too"
)]
fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}
