use async_trait::async_trait;
use icp_domain::{AccessScope, ChangedFields, IcpChange, IcpDocument, IcpId, Operation, Timestamp, UserId};
use icp_ports::{
    Creation, Creator, IcpList, IcpReader, IcpRepository, IdempotencyKey, ListQuery, Lookup, Quota,
    Replacement, RepositoryError, Stamp, StoredIcp, Version,
};

use super::{InMemoryDatabase, State, UsedKey};

#[async_trait]
impl IcpReader for InMemoryDatabase {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        Ok(self.read(|state| state.list(query)))
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        Ok(self.read(|state| state.get(id, scope)))
    }
}

#[async_trait]
impl IcpRepository for InMemoryDatabase {
    async fn insert(
        &self,
        document: &IcpDocument,
        creator: &Creator,
        key: Option<&IdempotencyKey>,
    ) -> Result<Creation, RepositoryError> {
        self.write(|state| match key {
            Some(key) => state.insert_once(document, creator, key),
            None => state.insert(document, creator, 1),
        })
    }

    async fn replace(
        &self,
        change: &IcpChange,
        expected: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        Ok(self.write(|state| {
            if !state.has_version(change.id(), expected) {
                return Replacement::OtherVersion;
            }
            if state.exceeds_quota(change.document(), quota, stamp) {
                return Replacement::QuotaReached;
            }
            state.store_replaced(change.id(), stamp);
            state.record(change.id(), stamp, change.operation(), change.changed());
            Replacement::Replaced(state.put(change.document().clone()))
        }))
    }

    async fn delete(&self, id: IcpId, expected: Version, stamp: &Stamp) -> Result<bool, RepositoryError> {
        Ok(self.write(|state| {
            let is_deleted = state.has_version(id, expected);
            if is_deleted {
                state.delete(id, stamp);
            }
            is_deleted
        }))
    }

    async fn remove_expired_keys(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        Ok(self.write(|state| {
            let before = state.keys.len();
            state.keys.retain(|_, used| !used.is_expired(now));
            (before - state.keys.len()) as u64
        }))
    }
}

impl State {
    fn get(&self, id: IcpId, scope: &AccessScope) -> Lookup<StoredIcp> {
        Lookup::of(self.icps.get(&id).map(|(document, version)| {
            let stored = StoredIcp { id, version: *version, json: document.json().to_owned() };
            (scope.includes(document.user_ids()), stored)
        }))
    }

    /// Stores a document. `copies` is the number of copies that count for the quota: 2 with an idempotency key, which
    /// stores a copy, and otherwise 1.
    fn insert(
        &mut self,
        document: &IcpDocument,
        creator: &Creator,
        copies: u64,
    ) -> Result<Creation, RepositoryError> {
        if self.icps.contains_key(&document.id()) {
            return Err(RepositoryError::AlreadyExists(document.id()));
        }
        let Usage { icps, keys, deleted, bytes } = self.usage(&creator.user_id);
        let length = document.json().len() as u64;
        if icps.max(keys).max(deleted) >= creator.quota.icps || bytes + copies * length > creator.quota.bytes
        {
            return Ok(Creation::QuotaReached);
        }
        self.creators.insert(document.id(), creator.user_id.clone());
        let (at, author) = (document.created_at(), creator.author());
        let stamp = Stamp { at, author, keeps_replaced: false };
        self.record(document.id(), &stamp, Operation::Create, &ChangedFields::default());
        Ok(Creation::Created(self.put(document.clone())))
    }

    /// Returns true if a new state of an ICP exceeds the quota of its creator. Returns false if the change is too
    /// small to be counted.
    fn exceeds_quota(&self, document: &IcpDocument, quota: Quota, stamp: &Stamp) -> bool {
        let id = document.id();
        let old = self.icps.get(&id).map_or(0, |(before, _)| before.json().len() as u64);
        let history = self.history_bytes(id);
        let before = history + old;
        let after = history + document.json().len() as u64 + if stamp.keeps_replaced { old } else { 0 };
        let used = self.creators.get(&id).map_or(before, |creator| self.usage(creator).bytes);
        quota.is_counted(before, after) && used + after - before > quota.bytes
    }

    /// Returns the stored data that counts for the quota of a user.
    pub(super) fn usage(&self, user_id: &UserId) -> Usage {
        let created = self.icps.iter().filter(|(id, _)| self.creators.get(id) == Some(user_id));
        let keys = self.keys.iter().filter(|((user, _), _)| user == user_id);
        let mut usage = Usage::default();
        for (id, (document, _)) in created {
            usage.icps += 1;
            usage.bytes += document.json().len() as u64 + self.history_bytes(*id);
        }
        for bytes in self.deleted_by_creator(user_id) {
            usage.deleted += 1;
            usage.bytes += bytes;
        }
        for (_, used) in keys {
            usage.keys += 1;
            usage.bytes += used.outcome.json.len() as u64;
        }
        usage
    }

    fn insert_once(
        &mut self,
        document: &IcpDocument,
        creator: &Creator,
        key: &IdempotencyKey,
    ) -> Result<Creation, RepositoryError> {
        let name = (creator.user_id.clone(), key.key.clone());
        let valid = self.keys.get(&name).filter(|used| !used.is_expired(document.created_at()));
        if let Some(used) = valid {
            let is_same = used.fingerprint == key.fingerprint;
            return Ok(if is_same { Creation::Repeated(used.outcome.clone()) } else { Creation::KeyReused });
        }
        let creation = self.insert(document, creator, 2)?;
        let Creation::Created(version) = creation else { return Ok(creation) };
        let outcome = StoredIcp { id: document.id(), version, json: document.json().to_owned() };
        let created_at = document.created_at();
        self.keys.insert(name, UsedKey { fingerprint: key.fingerprint, created_at, outcome });
        Ok(creation)
    }
}

/// The stored data that counts for the quota of a user.
#[derive(Default)]
pub(super) struct Usage {
    pub(super) icps: u64,
    keys: u64,
    deleted: u64,
    pub(super) bytes: u64,
}

impl UsedKey {
    fn is_expired(&self, now: Timestamp) -> bool {
        self.created_at < IdempotencyKey::oldest_valid(now)
    }
}
