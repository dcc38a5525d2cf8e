use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use icp_domain::Caller;
use icp_ports::{AuthenticationError, Authenticator, Clock, Credentials, Health, HealthCheck};
use jsonwebtoken::{Algorithm, crypto};
use quick_cache::sync::Cache;

use crate::claims::{Claims, Times};
use crate::credentials;
use crate::error::StartError;
use crate::header::{Field, Header, TokenType};
use crate::keys::{KeySetStatus, Keys, PublicKey};
use crate::rejection::{MALFORMED_TOKEN, Rejection, RejectionLog, require};
use crate::settings::{ClerkSettings, OAuthResource};

/// Maximum length of an accepted token. Session tokens are shorter than 4 KB, because Clerk stores them in a cookie.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Authenticates requests by Clerk's tokens. All threads and runtimes can share one authenticator.
pub struct ClerkAuthenticator {
    shared: Arc<Shared>,
    resource: Option<OAuthResource>,
}

struct Shared {
    settings: ClerkSettings,
    keys: Keys,
    /// Recently verified session tokens, by the SHA-256 digest of the token, so that the cache contains no credentials.
    /// A browser sends the same token for up to a minute.
    cache: Cache<Vec<u8>, Arc<VerifiedToken>>,
    rejections: RejectionLog,
    clock: Arc<dyn Clock>,
}

/// A token whose signature and claims were accepted. Its times and its key are checked again for each request.
struct VerifiedToken {
    caller: Caller,
    times: Times,
    kid: String,
    key: Arc<PublicKey>,
}

impl ClerkAuthenticator {
    /// Returns an authenticator that accepts session tokens.
    ///
    /// If `settings` contains the URL of a key set, a task on the current runtime fetches the set immediately, and
    /// again before it is stale. The task repeats failed fetches. It ends after this authenticator and all
    /// authenticators that [`Self::for_resource`] returned are dropped. Fails if `settings` contains the URL of a key
    /// set, and there is no tokio runtime or the HTTP client cannot be created.
    pub fn start(settings: ClerkSettings, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let keys = Keys::start(settings.keys.clone())?;
        let cache = Cache::new(settings.token_cache_size);
        let shared = Shared { settings, keys, cache, rejections: RejectionLog::default(), clock };
        Ok(Self { shared: Arc::new(shared), resource: None })
    }

    /// Returns an authenticator for one endpoint, which also accepts OAuth access tokens for `resource`. The two
    /// authenticators share the keys and the cache.
    #[must_use]
    pub fn for_resource(&self, resource: OAuthResource) -> Self {
        Self { shared: Arc::clone(&self.shared), resource: Some(resource) }
    }

    /// Returns the state of the key set, if there is one.
    pub fn key_set_status(&self) -> Option<KeySetStatus> {
        self.shared.keys.set().map(|set| set.status())
    }

    async fn authenticate_credentials(&self, credentials: &dyn Credentials) -> Result<Caller, Rejection> {
        let request_token = credentials::find_token(credentials, &self.shared.settings)?;
        // `client_uat` is set only for a token from a cookie, and an access token in a cookie is refused.
        let resource = self.resource.as_ref().filter(|_| request_token.client_uat.is_none());
        let verified = self.shared.verify(&request_token.token, resource).await?;
        let is_current = |client_uat| verified.times.issued.is_some_and(|issued| client_uat <= issued);
        require(request_token.client_uat.is_none_or(is_current), "client_uat")?;
        Ok(verified.caller.clone())
    }
}

impl Shared {
    /// Returns the verified token. Takes it from the cache if the cache contains it and its key is still usable.
    /// Accepts an access token only if `resource` is set.
    async fn verify(
        &self,
        token: &[u8],
        resource: Option<&OAuthResource>,
    ) -> Result<Arc<VerifiedToken>, Rejection> {
        require(token.len() <= MAX_TOKEN_BYTES, "malformed_token")?;
        let digest = digest(&SHA256, token).as_ref().to_vec();
        let has_current_key = |verified: &Arc<VerifiedToken>| {
            self.keys.set().is_none_or(|set| set.contains(&verified.kid, &verified.key))
        };
        if let Some(cached) = self.cache.get(&digest).filter(has_current_key) {
            return cached.times.check(self.now_ms()).map(|()| cached);
        }
        let header = Header::parse(token)?;
        let is_access_token = header.validate()? == TokenType::Access;
        let resource = resource.filter(|_| is_access_token);
        require(resource.is_some() || !is_access_token, "access_token")?;
        let (message, payload, signature) = split_token(token).ok_or(MALFORMED_TOKEN)?;
        let claims = Claims::parse(&payload)?;
        let (kid, key) = self.find_key(&header.kid).await?;
        let is_authentic = crypto::verify(signature, message.as_bytes(), &key.0, Algorithm::RS256);
        require(is_authentic.map_err(|_| MALFORMED_TOKEN)?, "bad_signature")?;
        let times = claims.times()?;
        times.check(self.now_ms())?;
        let caller = match resource {
            Some(resource) => claims.access_caller(&self.settings.issuer, resource)?,
            None => claims.session_caller(&payload, &self.settings)?,
        };
        let verified = Arc::new(VerifiedToken { caller, times, kid, key });
        // All authenticators share the cache, but only an authenticator of `for_resource` accepts access tokens, and
        // only for its own resource. So access tokens are not cached.
        if !is_access_token {
            self.cache.insert(digest, Arc::clone(&verified));
        }
        Ok(verified)
    }

    async fn find_key(&self, kid: &Field) -> Result<(String, Arc<PublicKey>), Rejection> {
        let is_optional = kid.is_absent() && self.keys.set().is_none();
        let kid = kid.text().or(is_optional.then(String::new)).ok_or(Rejection::of("no_key_id"))?;
        let key = self.keys.find(&kid).await?;
        Ok((kid, key))
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().unix_millis()
    }
}

/// Splits a token. Returns the signed message (the encoded header and payload), the decoded payload, and the encoded
/// signature. `jsonwebtoken::decode` is not used, because it refuses tokens in which an ignored header field has an
/// unexpected type.
fn split_token(token: &[u8]) -> Option<(&str, String, &str)> {
    let (message, signature) = std::str::from_utf8(token).ok()?.rsplit_once('.')?;
    let (_, payload) = message.split_once('.')?;
    URL_SAFE_NO_PAD.decode(signature).ok()?;
    Some((message, String::from_utf8(URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?, signature))
}

#[async_trait]
impl Authenticator for ClerkAuthenticator {
    async fn authenticate(&self, credentials: &dyn Credentials) -> Result<Caller, AuthenticationError> {
        let result = self.authenticate_credentials(credentials).await;
        self.shared.rejections.record(result.as_ref().err(), self.shared.now_ms());
        result.map_err(AuthenticationError::from)
    }
}

#[async_trait]
impl HealthCheck for ClerkAuthenticator {
    async fn health(&self) -> Health {
        self.shared.keys.set().map_or(Health::Ok, |set| set.health())
    }
}

impl fmt::Debug for ClerkAuthenticator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ClerkAuthenticator").field("resource", &self.resource).finish_non_exhaustive()
    }
}
