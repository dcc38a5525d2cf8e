//! An in-memory adapter of the repository, with a history, imports, exports and the removal of users.

mod forget;
mod history;
mod import_export;
mod list;
mod repository;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use icp_domain::{IcpDocument, IcpId, Timestamp, UserId};
use icp_ports::{Health, HealthCheck, Revision, StoredIcp, Version};

/// An in-memory database. All clones use the same data.
#[derive(Clone, Debug, Default)]
pub struct InMemoryDatabase(Arc<RwLock<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    icps: BTreeMap<IcpId, (IcpDocument, Version)>,
    /// The users who created ICPs. An ICP that an import created has no creator.
    creators: BTreeMap<IcpId, UserId>,
    /// The last change of each ICP. For an existing ICP, this change created its current state.
    changes: BTreeMap<IcpId, Revision>,
    /// The replaced states and the deletes of each ICP, oldest first.
    history: BTreeMap<IcpId, Vec<history::HistoryEntry>>,
    keys: HashMap<(UserId, String), UsedKey>,
    /// The highest version of any ICP.
    last_version: i64,
}

/// An idempotency key and the outcome of its first request.
#[derive(Clone, Debug)]
struct UsedKey {
    fingerprint: [u8; 32],
    created_at: Timestamp,
    outcome: StoredIcp,
}

impl InMemoryDatabase {
    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, write: impl FnOnce(&mut State) -> T) -> T {
        write(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Stores a document with a new version. Replaces an existing document with the same ID.
    fn put(&mut self, document: IcpDocument) -> Version {
        self.last_version += 1;
        let version = Version(self.last_version);
        self.icps.insert(document.id(), (document, version));
        version
    }

    fn has_version(&self, id: IcpId, expected: Version) -> bool {
        self.icps.get(&id).is_some_and(|(_, version)| *version == expected)
    }
}

#[async_trait]
impl HealthCheck for InMemoryDatabase {
    async fn health(&self) -> Health {
        Health::Ok
    }
}
