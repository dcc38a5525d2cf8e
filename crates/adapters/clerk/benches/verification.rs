//! Compares the time of a verification with that of its RSA operation: `cargo bench -p icp-clerk`.

#![expect(clippy::unwrap_used, reason = "a bench whose data is wrong must fail")]

#[path = "../tests/authenticator/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "the tests use the rest"
)]
mod support;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use divan::{Bencher, black_box};
use icp_clerk::{ClerkAuthenticator, ClerkSettings};
use icp_ports::Authenticator as _;

use crate::support::{Headers, KEY, claims, header, settings, start};

fn main() {
    divan::main();
}

/// Lower bound: only the RSA operation, with a parsed key.
#[divan::bench(sample_count = 100, sample_size = 20)]
fn rsa_alone(bencher: Bencher<'_, '_>) {
    let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, KEY.spki()).unwrap();
    let token = token("jti");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bencher.bench(|| key.verify_sig(black_box(signed.as_bytes()), &signature).unwrap());
}

/// A token that is not in the cache.
#[divan::bench(sample_count = 100, sample_size = 20)]
fn first_time(bencher: Bencher<'_, '_>) {
    let (authenticator, mut number) = (authenticator(), 0);
    let new_token = || {
        number += 1;
        format!("Bearer {}", token(&format!("jti_{number}")))
    };
    bencher.with_inputs(new_token).bench_local_refs(|line| sign_in(&authenticator, line));
}

/// A token that is in the cache.
#[divan::bench]
fn again(bencher: Bencher<'_, '_>) {
    let (authenticator, line) = (authenticator(), format!("Bearer {}", token("jti")));
    sign_in(&authenticator, &line);
    bencher.bench(|| sign_in(&authenticator, black_box(&line)));
}

fn authenticator() -> ClerkAuthenticator {
    let authorized_parties = vec!["https://app.example.com".to_owned()];
    start(ClerkSettings { authorized_parties, token_cache_size: 10_000, ..settings() })
}

fn token(jti: &str) -> String {
    support::token(&KEY, &header(), &claims().set("jti", &format!("{jti:?}")))
}

/// With a PEM key no request waits, so the benchmark does not measure the runtime.
fn sign_in(authenticator: &ClerkAuthenticator, line: &str) {
    let lines = [line.as_bytes()];
    let headers = Headers { authorization: &lines, ..Headers::default() };
    let mut answer = pin!(authenticator.authenticate(&headers));
    match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(caller) => drop(black_box(caller.unwrap())),
        Poll::Pending => unreachable!("the key is known"),
    }
}
