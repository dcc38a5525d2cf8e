//! Compares the time of a complete verification with the time of its RSA operation: `cargo bench -p icp-clerk`.

#![expect(clippy::unwrap_used, reason = "the benchmark must stop if its data is invalid")]

#[path = "../tests/authenticator/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "only the tests use the other items"
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

use crate::support::{INSTANCE_KEY, RequestHeaders, claims, header, settings, start};

fn main() {
    divan::main();
}

/// The RSA operation with a parsed key. The verification of a token that is not cached cannot be faster.
#[divan::bench(sample_count = 100, sample_size = 20)]
fn rsa_operation(bencher: Bencher<'_, '_>) {
    let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, INSTANCE_KEY.spki()).unwrap();
    let token = token("jti");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bencher.bench(|| key.verify_sig(black_box(signed.as_bytes()), &signature).unwrap());
}

/// Verification of a token that is not in the cache.
#[divan::bench(sample_count = 100, sample_size = 20)]
fn uncached_token(bencher: Bencher<'_, '_>) {
    let (authenticator, mut token_count) = (authenticator(), 0);
    let new_token = || {
        token_count += 1;
        format!("Bearer {}", token(&format!("jti_{token_count}")))
    };
    bencher.with_inputs(new_token).bench_local_refs(|authorization| sign_in(&authenticator, authorization));
}

/// Verification of a token that is in the cache.
#[divan::bench]
fn cached_token(bencher: Bencher<'_, '_>) {
    let (authenticator, authorization) = (authenticator(), format!("Bearer {}", token("jti")));
    sign_in(&authenticator, &authorization);
    bencher.bench(|| sign_in(&authenticator, black_box(&authorization)));
}

fn authenticator() -> ClerkAuthenticator {
    let authorized_parties = vec!["https://app.example.com".to_owned()];
    start(ClerkSettings { authorized_parties, token_cache_size: 10_000, ..settings() })
}

fn token(jti: &str) -> String {
    support::token(&INSTANCE_KEY, &header(), &claims().set("jti", &format!("{jti:?}")))
}

/// Authenticates a request. With a PEM key, the future is ready at its first poll, so the benchmark needs no runtime.
fn sign_in(authenticator: &ClerkAuthenticator, authorization: &str) {
    let authorization_lines = [authorization.as_bytes()];
    let headers = RequestHeaders { authorization: &authorization_lines, ..RequestHeaders::default() };
    let mut authentication = pin!(authenticator.authenticate(&headers));
    match authentication.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(caller) => drop(black_box(caller.unwrap())),
        Poll::Pending => unreachable!("authentication with a PEM key never waits"),
    }
}
