//! A fake Clerk instance: an issuer that signs tokens with a key of the test.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use icp_ports::{Clock as _, SystemClock};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::Setup;

/// The public URL of the endpoint for assistants.
pub(crate) const RESOURCE: &str = "https://icp.example.com/mcp";

const KEY_ID: &str = "ins_1";

pub(crate) struct Clerk {
    pub(crate) issuer: String,
    key: KeyPair,
}

impl Clerk {
    pub(crate) fn new() -> Self {
        Self::with_issuer("https://clerk.example.com")
    }

    pub(crate) fn with_issuer(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            key: KeyPair::generate(KeySize::Rsa2048).expect("the key must be generated"),
        }
    }

    /// Returns a setup that trusts this instance, because the settings contain its public key.
    pub(crate) fn trusted_by(&self, setup: Setup) -> Setup {
        let der: PublicKeyX509Der<'_> = self.key.public_key().as_der().expect("the key must be encoded");
        let pem = BASE64_STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PUBLIC KEY-----\\n{pem}\\n-----END PUBLIC KEY-----");
        setup.with("ICP__AUTH__ISSUER", &self.issuer).with("CLERK_JWT_KEY", &pem)
    }

    /// Returns a setup that also accepts access tokens of this instance on the endpoint for assistants.
    pub(crate) fn with_mcp(&self, setup: Setup, resource: &str) -> Setup {
        self.trusted_by(setup).with("ICP__MCP__ENABLED", "true").with("ICP__MCP__RESOURCE", resource)
    }

    /// Returns the published key set.
    pub(crate) fn key_set(&self) -> Value {
        let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(self.key.public_key());
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        json!({"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": encode(&n), "e": encode(&e)}]})
    }

    pub(crate) fn session(&self, user: &str, extra_claims: Value) -> String {
        let claims = json!({"sub": user, "sid": "sess_1", "v": 2});
        self.token("JWT", KEY_ID, claims, extra_claims)
    }

    /// Returns a session token whose header contains the key ID `kid`.
    pub(crate) fn session_of_key(&self, kid: &str) -> String {
        self.token("JWT", kid, json!({"sub": "user_ada", "sid": "sess_1"}), json!({}))
    }

    pub(crate) fn access_token(&self, user: &str, extra_claims: Value) -> String {
        let claims = json!({"sub": user, "client_id": "client_1", "aud": RESOURCE, "scope": "profile email"});
        self.token("at+jwt", KEY_ID, claims, extra_claims)
    }

    /// Returns a token that expires in an hour. Its claims are `iss`, `iat`, `exp`, `claims` and `extra_claims`. An
    /// extra claim replaces the claim of the same name, and removes it if it is `null`.
    fn token(&self, typ: &str, kid: &str, mut claims: Value, extra_claims: Value) -> String {
        let now = SystemClock.now().unix_millis() / 1_000;
        let claims = claims.as_object_mut().expect("the value must be an object");
        claims.extend([("iss".to_owned(), self.issuer.as_str().into())]);
        claims.extend([("iat".to_owned(), now.into()), ("exp".to_owned(), (now + 3_600).into())]);
        if let Value::Object(extra_claims) = extra_claims {
            claims.extend(extra_claims);
        }
        claims.retain(|_, value| !value.is_null());
        let mut header = Header::new(Algorithm::RS256);
        header.typ = Some(typ.to_owned());
        header.kid = Some(kid.to_owned());
        let der: Pkcs8V1Der<'_> = self.key.as_der().expect("the key must be encoded");
        let pem = BASE64_STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----");
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).expect("the key must be valid");
        jsonwebtoken::encode(&header, claims, &key).expect("the token must be signed")
    }
}
