//! Authentication of requests.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use serde::Deserialize;

/// Verifies the signature (RS256), `exp` and `nbf` of a session token.
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

impl Verifier {
    /// Returns a verifier for tokens that are signed with the RSA private key `pem`. The verifier stores only the
    /// public key. Fails if `pem` is not an RSA private key in PEM.
    pub fn from_private_key(pem: &[u8]) -> anyhow::Result<Self> {
        let public = Jwk::from_encoding_key(&EncodingKey::from_rsa_pem(pem)?, Algorithm::RS256)?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.validate_nbf = true;
        validation.validate_aud = false;
        Ok(Self { key: DecodingKey::from_jwk(&public)?, validation })
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

/// An extractor for the ID of the signed-in user. The response to a request without a valid bearer token is a 401.
pub struct SignedInUser(pub String);

impl<S: Send + Sync> FromRequestParts<S> for SignedInUser
where
    Arc<Verifier>: FromRef<S>,
{
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        let Verifier { key, validation } = &*Arc::from_ref(state);
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or(StatusCode::UNAUTHORIZED)?;
        let token = jsonwebtoken::decode::<Claims>(token, key, validation);
        token.map(|token| Self(token.claims.sub)).map_err(|_| StatusCode::UNAUTHORIZED)
    }
}
