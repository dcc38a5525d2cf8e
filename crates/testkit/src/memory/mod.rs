//! A database in memory.

mod list;
mod repository;
mod transfer;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use icp_domain::{IcpDocument, IcpId, Timestamp, UserId};
use icp_ports::{Health, HealthCheck, MigrationReport, Schema, SchemaError, StoredIcp, Version};

/// All ports of a storage, in memory. Clones share what they hold.
#[derive(Clone, Debug, Default)]
pub struct InMemoryDatabase(Arc<RwLock<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    icps: BTreeMap<IcpId, (IcpDocument, Version)>,
    keys: HashMap<(UserId, String), UsedKey>,
    /// The version that was given last, to whatever ICP.
    last_version: i64,
}

/// An idempotency key, and what came of the create that it first came with.
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
    /// Stores a document in place of whatever has its id.
    fn put(&mut self, document: IcpDocument) -> Version {
        self.last_version += 1;
        let version = Version::from(self.last_version);
        self.icps.insert(document.id(), (document, version));
        version
    }
}

#[async_trait]
impl HealthCheck for InMemoryDatabase {
    async fn health(&self) -> Health {
        Health::Ok
    }
}

#[async_trait]
impl Schema for InMemoryDatabase {
    async fn pending(&self) -> Result<Vec<String>, SchemaError> {
        Ok(Vec::new())
    }

    async fn migrate(&self) -> Result<MigrationReport, SchemaError> {
        Ok(MigrationReport::default())
    }
}
