//! What a token costs the first time and again, beside its signature alone: `cargo bench -p icp-clerk`.

#![expect(clippy::unwrap_used, reason = "a bench whose data is wrong must fail")]

#[path = "../tests/authenticator/support/rsa.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod rsa;
#[path = "../tests/authenticator/support/token.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod token;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use divan::{Bencher, black_box};
use icp_clerk::{AdminRule, ClerkAuthenticator, ClerkSettings, KeySource, SessionCookie};
use icp_domain::{Caller, Timestamp};
use icp_ports::{Authenticator as _, Clock, Credentials};

use crate::rsa::KEY;
use crate::token::{ISSUER, NOW, claims, header};

/// How often what costs microseconds is measured: samples, and calls in each. Every call has a token of its own.
const SAMPLES: u32 = 100;
const CALLS: u32 = 20;

fn main() {
    divan::main();
}

/// The signature alone, with a key that was read before: the limit.
#[divan::bench(sample_count = SAMPLES, sample_size = CALLS)]
fn signature_alone(bencher: Bencher<'_, '_>) {
    let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, KEY.spki()).unwrap();
    let (signed, signature) = signed_and_signature(&token("jti"));
    bencher.bench(|| key.verify_sig(black_box(signed.as_bytes()), &signature).unwrap());
}

/// The same with a key that is read each time, which is what jsonwebtoken would do.
#[divan::bench(sample_count = SAMPLES, sample_size = CALLS)]
fn signature_and_key(bencher: Bencher<'_, '_>) {
    let der = KEY.spki();
    let (signed, signature) = signed_and_signature(&token("jti"));
    bencher.bench(|| {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, black_box(&der));
        key.verify(signed.as_bytes(), &signature).unwrap();
    });
}

/// All of Clerk's rules, for a token that was never seen.
#[divan::bench(sample_count = SAMPLES, sample_size = CALLS)]
fn first_time(bencher: Bencher<'_, '_>) {
    let authenticator = authenticator();
    let mut number = 0;
    let new_token = || {
        number += 1;
        authorization(&token(&format!("jti_{number}")))
    };
    bencher.with_inputs(new_token).bench_local_refs(|line| sign_in(&authenticator, line));
}

/// For a token that was verified a moment ago.
#[divan::bench]
fn again(bencher: Bencher<'_, '_>) {
    let authenticator = authenticator();
    let line = authorization(&token("jti"));
    sign_in(&authenticator, &line);
    bencher.bench(|| sign_in(&authenticator, black_box(&line)));
}

fn authenticator() -> ClerkAuthenticator {
    let settings = ClerkSettings {
        issuer: ISSUER.to_owned(),
        keys: KeySource::Pem(KEY.spki_pem().parse().unwrap()),
        authorized_parties: vec!["https://app.example.com".to_owned()],
        audience: Vec::new(),
        admin: AdminRule::default(),
        session_cookie: SessionCookie::Ignored,
    };
    ClerkAuthenticator::start(settings, Arc::new(StoppedClock)).unwrap()
}

fn token(jti: &str) -> String {
    token::token(&KEY, &header(), &claims().set("jti", &format!("{jti:?}")))
}

fn authorization(token: &str) -> Vec<u8> {
    format!("Bearer {token}").into_bytes()
}

fn signed_and_signature(token: &str) -> (String, Vec<u8>) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    (signed.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
}

struct Bearer<'a>(&'a [u8]);

impl Credentials for Bearer<'_> {
    fn header(&self, name: &str) -> Vec<&[u8]> {
        if name == "authorization" { vec![self.0] } else { Vec::new() }
    }

    fn changes_state(&self) -> bool {
        false
    }
}

/// With a key at hand nothing is waited for, and so no runtime is measured.
fn sign_in(authenticator: &ClerkAuthenticator, line: &[u8]) -> Caller {
    let headers = Bearer(line);
    let mut answer = pin!(authenticator.authenticate(&headers));
    match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(caller) => caller.unwrap(),
        Poll::Pending => unreachable!("a key is at hand"),
    }
}

/// The time at which the tokens count.
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(NOW * 1000).unwrap()
    }
}
