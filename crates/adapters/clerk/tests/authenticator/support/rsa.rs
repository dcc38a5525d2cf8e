//! RSA keys for tests. They are generated at run time, so that the repository contains no private key.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// The key pair with which the Clerk instance signs tokens.
pub(crate) static INSTANCE_KEY: LazyLock<TestKey> = LazyLock::new(TestKey::generate);
/// A second key pair: the instance's key after a rotation, or the key of another instance.
pub(crate) static OTHER_KEY: LazyLock<TestKey> = LazyLock::new(TestKey::generate);

/// An RSA key pair of 2048 bits.
#[derive(Debug)]
pub(crate) struct TestKey(RsaKeyPair);

impl TestKey {
    fn generate() -> Self {
        Self(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    /// Signs with RS256.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_with(&RSA_PKCS1_SHA256, message)
    }

    pub(crate) fn sign_with(&self, algorithm: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(algorithm, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }

    /// Returns the modulus `n` and the exponent `e` in base64url, as in a JWK.
    pub(crate) fn modulus_and_exponent(&self) -> (String, String) {
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(self.0.public_key());
        (URL_SAFE_NO_PAD.encode(public.n), URL_SAFE_NO_PAD.encode(public.e))
    }

    /// Returns the public key as a JWK, which is an entry of a key set.
    pub(crate) fn jwk(&self, kid: &str) -> String {
        let (n, e) = self.modulus_and_exponent();
        format!(r#"{{"use":"sig","kty":"RSA","kid":"{kid}","alg":"RS256","n":"{n}","e":"{e}"}}"#)
    }

    /// Returns the public key as SPKI in DER.
    pub(crate) fn spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = self.0.public_key().as_der().unwrap();
        der.as_ref().to_vec()
    }

    /// Returns the public key as SPKI in PEM (`BEGIN PUBLIC KEY`).
    pub(crate) fn spki_pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki())
    }

    /// Returns the public key as PKCS#1 in PEM (`BEGIN RSA PUBLIC KEY`).
    pub(crate) fn pkcs1_pem(&self) -> String {
        pem("RSA PUBLIC KEY", self.0.public_key().as_ref())
    }

    /// Returns the private key as PKCS#8 in PEM (`BEGIN PRIVATE KEY`).
    pub(crate) fn private_pem(&self) -> String {
        let der: Pkcs8V1Der<'_> = self.0.as_der().unwrap();
        pem("PRIVATE KEY", der.as_ref())
    }
}

/// Returns a key set (JWKS) with these entries, which are JWKs.
pub(crate) fn key_set(entries: &[&str]) -> String {
    format!(r#"{{"keys":[{}]}}"#, entries.join(","))
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
