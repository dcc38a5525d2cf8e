use std::fmt;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use icp_domain::Caller;
use icp_ports::{AuthenticationError, Authenticator, Clock, Credentials, Health, HealthCheck};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use quick_cache::sync::Cache;
use serde_json::value::RawValue;

use crate::claims::{Claims, Times};
use crate::credentials;
use crate::error::StartError;
use crate::header::{Field, Header};
use crate::keys::{KeySetStatus, Keys, PublicKey};
use crate::rejection::{MALFORMED_TOKEN, Rejection, RejectionLog, require};
use crate::settings::{ClerkSettings, OAuthResource};

/// Clerk's tokens are in a cookie, and so stay below 4 KB.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The library verifies the signature alone: it knows neither our clock nor our rules.
static SIGNATURE_ONLY: LazyLock<Validation> = LazyLock::new(|| {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
});

/// Authenticates requests by Clerk's tokens, for any number of threads and runtimes at once.
pub struct ClerkAuthenticator {
    shared: Arc<Shared>,
    resource: Option<OAuthResource>,
}

struct Shared {
    settings: ClerkSettings,
    keys: Keys,
    /// The session tokens that were verified last, by their SHA-256: the cache holds nothing that would sign a user in. A
    /// browser sends the same token again for up to a minute.
    cache: Cache<Vec<u8>, Arc<Verified>>,
    rejections: RejectionLog,
    clock: Arc<dyn Clock>,
}

/// A token whose signature and claims were accepted. Its times and its key are checked again at each use.
struct Verified {
    caller: Caller,
    times: Times,
    kid: String,
    key: Arc<PublicKey>,
}

impl ClerkAuthenticator {
    /// Returns an authenticator that accepts session tokens. With a key set it starts a task on the current runtime,
    /// which fetches the set at once and keeps it fresh for as long as the authenticator lives. A key set that cannot
    /// be reached is not an error: the task tries again.
    /// Fails if a key set is configured and there is no tokio runtime.
    pub fn start(settings: ClerkSettings, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let keys = Keys::start(settings.keys.clone())?;
        let cache = Cache::new(settings.token_cache_size);
        let shared = Shared { settings, keys, cache, rejections: RejectionLog::default(), clock };
        Ok(Self { shared: Arc::new(shared), resource: None })
    }

    /// Returns an authenticator for one endpoint, which accepts OAuth access tokens for `resource` as well. It shares
    /// keys and cache with this one.
    #[must_use]
    pub fn for_resource(&self, resource: OAuthResource) -> Self {
        Self { shared: Arc::clone(&self.shared), resource: Some(resource) }
    }

    /// Returns the state of the key set, if there is one.
    pub fn key_set_status(&self) -> Option<KeySetStatus> {
        self.shared.keys.set().map(|set| set.status())
    }

    async fn caller(&self, credentials: &dyn Credentials) -> Result<Caller, Rejection> {
        let found = credentials::find(credentials, &self.shared.settings)?;
        // A cookie never carries an access token.
        let resource = self.resource.as_ref().filter(|_| found.client_uat.is_none());
        let verified = self.shared.verified(&found.token, resource).await?;
        let is_current = |client_uat| verified.times.issued.is_some_and(|issued| client_uat <= issued);
        require(found.client_uat.is_none_or(is_current), "client_uat")?;
        Ok(verified.caller.clone())
    }
}

impl Shared {
    async fn verified(
        &self,
        token: &[u8],
        oauth: Option<&OAuthResource>,
    ) -> Result<Arc<Verified>, Rejection> {
        require(token.len() <= MAX_TOKEN_BYTES, "malformed_token")?;
        let digest = digest(&SHA256, token).as_ref().to_vec();
        let is_in_use = |it: &Arc<Verified>| self.keys.set().is_none_or(|set| set.contains(&it.kid, &it.key));
        if let Some(cached) = self.cache.get(&digest).filter(is_in_use) {
            return cached.times.check(self.now_ms()).map(|()| cached);
        }
        let header = Header::of(token)?;
        let is_access_token = header.is_of_access_token()?;
        let oauth = oauth.filter(|_| is_access_token);
        require(oauth.is_some() || !is_access_token, "access_token")?;
        let (kid, key) = self.key(&header.kid, token).await?;
        let payload = verify_signature(token, &key)?;
        let claims = Claims::parse(payload.get())?;
        let times = claims.times()?;
        times.check(self.now_ms())?;
        let caller = match oauth {
            Some(resource) => claims.access_caller(&self.settings.issuer, resource)?,
            None => claims.session_caller(payload.get(), &self.settings)?,
        };
        let verified = Arc::new(Verified { caller, times, kid, key });
        // An access token is accepted by one endpoint, and the cache is shared by all.
        if !is_access_token {
            self.cache.insert(digest, Arc::clone(&verified));
        }
        Ok(verified)
    }

    async fn key(&self, kid: &Field, token: &[u8]) -> Result<(String, Arc<PublicKey>), Rejection> {
        let is_optional = kid.is_absent() && self.keys.set().is_none();
        let kid = kid.text().or(is_optional.then(String::new)).ok_or(Rejection::of("no_key_id"))?;
        let key = self.keys.find(&kid).await;
        let key = key.map_err(|rejection| if is_well_formed(token) { rejection } else { MALFORMED_TOKEN })?;
        Ok((kid, key))
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().unix_millis()
    }
}

/// Verifies the signature, and returns the payload.
fn verify_signature(token: &[u8], key: &PublicKey) -> Result<Box<RawValue>, Rejection> {
    let decoded = jsonwebtoken::decode(token, &key.0, &SIGNATURE_ONLY);
    decoded.map(|token| token.claims).map_err(|error| match error.kind() {
        ErrorKind::InvalidSignature => Rejection::of("bad_signature"),
        _ => MALFORMED_TOKEN,
    })
}

/// Returns true if the token is well-formed. Its signature is not verified.
fn is_well_formed(token: &[u8]) -> bool {
    let signature = token.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let payload = jsonwebtoken::dangerous::insecure_decode::<Box<RawValue>>(token);
    URL_SAFE_NO_PAD.decode(signature).is_ok()
        && payload.is_ok_and(|token| Claims::parse(token.claims.get()).is_ok())
}

#[async_trait]
impl Authenticator for ClerkAuthenticator {
    async fn authenticate(&self, credentials: &dyn Credentials) -> Result<Caller, AuthenticationError> {
        let result = self.caller(credentials).await;
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
