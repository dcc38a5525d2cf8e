use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use icp_domain::Caller;
use icp_ports::{AuthenticationError, Authenticator, Clock, Credentials, Health, HealthCheck};

use crate::claims::Claims;
use crate::credentials::{self, Found};
use crate::header::{self, KeyId};
use crate::keys::{KeySetStatus, Keys, NoKey, StartKeySetError};
use crate::memory::{Memory, Remembered, TokenDigest};
use crate::reason::Reason;
use crate::settings::ClerkSettings;
use crate::token::{self, Parts};

/// Tells who sends a request by Clerk's session tokens.
///
/// It may be used from any number of threads and runtimes at once.
pub struct ClerkAuthenticator {
    settings: ClerkSettings,
    keys: Keys,
    memory: Memory,
    clock: Arc<dyn Clock>,
}

impl ClerkAuthenticator {
    /// An authenticator at work. With a key set it starts a task on the present runtime, which fetches the
    /// set at once and keeps it fresh for as long as the authenticator lives. A key set that is out of reach
    /// is no error: it is tried again.
    ///
    /// # Errors
    ///
    /// [`StartError`], when the settings cannot work, or when a key set is configured and there is no tokio
    /// runtime to fetch it on.
    pub fn start(settings: ClerkSettings, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        if settings.issuer.is_empty() {
            return Err(StartError::NoIssuer);
        }
        let keys = Keys::start(settings.keys.clone())?;
        Ok(Self { settings, keys, memory: Memory::new(), clock })
    }

    /// Returns the state of the key set, if there is one.
    pub fn key_set_status(&self) -> Option<KeySetStatus> {
        self.keys.status()
    }

    async fn caller(&self, credentials: &dyn Credentials) -> Result<Caller, Refusal> {
        let settings = &self.settings;
        let found = credentials::find(credentials, &settings.session_cookie, &settings.authorized_parties)?;
        let session = self.session(found.token).await?;
        check_client_uat(&found, &session)?;
        Ok(session.caller.clone())
    }

    async fn session(&self, token: &[u8]) -> Result<Arc<Remembered>, Refusal> {
        if token.len() > token::MAX_BYTES {
            return Err(Reason::MalformedToken.into());
        }
        let digest = TokenDigest::of(token);
        if let Some(session) = self.memory.recall(&digest, &self.keys) {
            return match session.times.check(self.now_ms()) {
                Ok(()) => Ok(session),
                Err(reason) => {
                    self.memory.forget(&digest);
                    Err(reason.into())
                }
            };
        }
        let session = Arc::new(self.verify(token).await?);
        self.memory.remember(digest, Arc::clone(&session));
        Ok(session)
    }

    /// The rules in their order: all that can be judged without a key comes before the search for one.
    async fn verify(&self, token: &[u8]) -> Result<Remembered, Refusal> {
        let parts = Parts::decode(token)?;
        let token = parts.read()?;
        let kid = header::check(token.header)?;
        let claims = Claims::read(token.payload);
        if claims.name_a_machine() {
            return Err(Reason::MachineToken.into());
        }
        let key = self.keys.find(self.key_id(&kid)?).await?;
        if !key.verifies(token.signed, token.signature) {
            return Err(Reason::BadSignature.into());
        }
        let caller = claims.caller(token.payload, &self.settings)?;
        let times = claims.times()?;
        times.check(self.now_ms())?;
        claims.check_status()?;
        Ok(Remembered { caller, times, key })
    }

    fn key_id<'a>(&self, kid: &'a KeyId<'_>) -> Result<&'a str, Reason> {
        match kid {
            KeyId::Named(name) => Ok(name),
            KeyId::Absent if !self.keys.have_names() => Ok(""),
            KeyId::Absent | KeyId::NotText => Err(Reason::NoKeyId),
        }
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().unix_millis()
    }
}

/// A token that was made before its user last signed in or out belongs to a session that is over.
fn check_client_uat(found: &Found<'_>, session: &Remembered) -> Result<(), Reason> {
    let current = |client_uat| session.times.issued.is_some_and(|issued| client_uat <= issued);
    if found.client_uat.is_none_or(current) { Ok(()) } else { Err(Reason::ClientUat) }
}

#[async_trait]
impl Authenticator for ClerkAuthenticator {
    async fn authenticate(&self, credentials: &dyn Credentials) -> Result<Caller, AuthenticationError> {
        self.caller(credentials).await.map_err(AuthenticationError::from)
    }
}

#[async_trait]
impl HealthCheck for ClerkAuthenticator {
    async fn health(&self) -> Health {
        self.keys.health()
    }
}

impl fmt::Debug for ClerkAuthenticator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ClerkAuthenticator").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Why nobody can be named.
enum Refusal {
    Rejected(Reason),
    KeysUnavailable,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::Rejected(reason)
    }
}

impl From<NoKey> for Refusal {
    fn from(no_key: NoKey) -> Self {
        match no_key {
            NoKey::Unknown => Self::Rejected(Reason::UnknownKey),
            NoKey::Unavailable => Self::KeysUnavailable,
        }
    }
}

impl From<Refusal> for AuthenticationError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rejected(reason) => reason.into(),
            Refusal::KeysUnavailable => Self::Unavailable(Box::new(KeysUnavailable)),
        }
    }
}

/// No key set has been fetched, or none for too long.
#[derive(Debug, thiserror::Error)]
#[error("there is no key to check tokens with: the key set is out of reach")]
struct KeysUnavailable;

/// The authenticator could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No token could ever come from it.
    #[error("the issuer is empty")]
    NoIssuer,
    /// A key set has to be fetched by a task.
    #[error("a key set needs a tokio runtime")]
    NoRuntime,
    /// The HTTP client could not be made: most often the system has no certificates to check servers with.
    #[error("the HTTP client for the key set could not be made")]
    Client(#[source] Box<dyn Error + Send + Sync>),
}

impl From<StartKeySetError> for StartError {
    fn from(error: StartKeySetError) -> Self {
        match error {
            StartKeySetError::NoRuntime => Self::NoRuntime,
            StartKeySetError::Client(source) => Self::Client(source.into()),
        }
    }
}
