use std::sync::Arc;
use std::time::Duration;

use icp_ports::Health;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::NoKey;
use super::fetch::{Fetch, HttpFetch};
use super::refresher::{Asker, Refresher};
use super::rsa::RsaKey;
use super::store::{KeySetStatus, Store};
use super::url::KeySetUrl;

/// Longer than a fetch can take, and shorter than the 5 s within which a caller is promised an answer.
const PATIENCE: Duration = Duration::from_millis(4_500);

/// A published key set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetSettings {
    /// Where it is published.
    pub url: KeySetUrl,
    /// How long a set counts as fresh. It is fetched again a little before that ends, so that a key which is
    /// taken out of the set counts no longer than this.
    pub lifetime: Duration,
    /// How long an unknown key causes no further fetch after one.
    pub cooldown: Duration,
}

impl KeySetSettings {
    /// With Clerk's habits: fresh for five minutes, ten seconds between fetches.
    pub fn new(url: KeySetUrl) -> Self {
        Self { url, lifetime: Duration::from_mins(5), cooldown: Duration::from_secs(10) }
    }
}

/// Access to a key set that a task of its own keeps fresh. The task ends with this handle.
pub(crate) struct KeySetHandle {
    store: Arc<Store>,
    // Unbounded, since each request in progress has one message here at most.
    askers: UnboundedSender<Asker>,
    task: AbortHandle,
}

/// Why the task could not be started.
#[derive(Debug)]
pub(crate) enum StartKeySetError {
    NoRuntime,
    Client(reqwest::Error),
}

impl KeySetHandle {
    pub(crate) fn start(settings: KeySetSettings) -> Result<Self, StartKeySetError> {
        let runtime = Handle::try_current().map_err(|_| StartKeySetError::NoRuntime)?;
        let fetch = HttpFetch::new(settings.url).map_err(StartKeySetError::Client)?;
        Ok(Self::start_with(fetch, &runtime, settings.lifetime, settings.cooldown))
    }

    pub(super) fn start_with<F: Fetch>(
        fetch: F,
        runtime: &Handle,
        lifetime: Duration,
        cooldown: Duration,
    ) -> Self {
        let store = Arc::new(Store::new(lifetime));
        let (askers, inbox) = unbounded_channel();
        let refresher = Refresher::new(fetch, Arc::clone(&store), inbox, lifetime, cooldown);
        let task = runtime.spawn(refresher.run()).abort_handle();
        Self { store, askers, task }
    }

    pub(crate) async fn find(&self, kid: &str) -> Result<Arc<RsaKey>, NoKey> {
        if let Ok(key) = self.store.find(kid) {
            return Ok(key);
        }
        self.ask().await;
        self.store.find(kid)
    }

    /// Returns when the key set is worth another look. Whatever comes of it, the set itself says it.
    async fn ask(&self) {
        let (asker, answer) = oneshot::channel();
        if self.askers.send(asker).is_ok() {
            let _ = timeout(PATIENCE, answer).await;
        }
    }

    pub(crate) fn holds(&self, key: &Arc<RsaKey>) -> bool {
        self.store.holds(key)
    }

    #[cfg(test)]
    pub(super) fn stop(&self) {
        self.task.abort();
    }

    pub(crate) fn health(&self) -> Health {
        self.store.health()
    }

    pub(crate) fn status(&self) -> KeySetStatus {
        self.store.status()
    }
}

impl Drop for KeySetHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}
