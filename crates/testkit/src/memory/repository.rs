use std::collections::hash_map::Entry;

use async_trait::async_trait;
use icp_domain::{AccessScope, IcpChange, IcpDocument, IcpId, Timestamp};
use icp_ports::{
    Creation, IcpList, IcpReader, IcpRepository, IdempotencyKey, ListQuery, ListVersion, Lookup,
    RepositoryError, StoredIcp, Version,
};

use super::{InMemoryDatabase, State, UsedKey};

#[async_trait]
impl IcpReader for InMemoryDatabase {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        Ok(self.read(|state| state.list(query)))
    }

    async fn list_version(&self, query: &ListQuery) -> Result<ListVersion, RepositoryError> {
        let whole = ListQuery { max_bytes: None, ..query.clone() };
        Ok(self.read(|state| state.list(&whole).version))
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        Ok(self.read(|state| {
            state.look_up(id, scope, |document, version| StoredIcp {
                id,
                version,
                json: document.json().to_owned(),
            })
        }))
    }

    async fn version(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<Version>, RepositoryError> {
        Ok(self.read(|state| state.look_up(id, scope, |_, version| version)))
    }
}

#[async_trait]
impl IcpRepository for InMemoryDatabase {
    async fn create(&self, document: &IcpDocument) -> Result<Version, RepositoryError> {
        self.write(|state| state.create(document))
    }

    async fn create_once(
        &self,
        document: &IcpDocument,
        key: &IdempotencyKey,
    ) -> Result<Creation, RepositoryError> {
        self.write(|state| state.create_once(document, key))
    }

    async fn update(
        &self,
        change: &IcpChange,
        expected: Version,
    ) -> Result<Option<Version>, RepositoryError> {
        Ok(self.write(|state| {
            let is_expected = state.icps.get(&change.id()).is_some_and(|(_, version)| *version == expected);
            is_expected.then(|| state.put(change.document().clone()))
        }))
    }

    async fn delete(&self, id: IcpId, expected: Version) -> Result<bool, RepositoryError> {
        Ok(self.write(|state| {
            let is_expected = state.icps.get(&id).is_some_and(|(_, version)| *version == expected);
            is_expected && state.icps.remove(&id).is_some()
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
    fn look_up<T>(
        &self,
        id: IcpId,
        scope: &AccessScope,
        found: impl FnOnce(&IcpDocument, Version) -> T,
    ) -> Lookup<T> {
        let icp = self.icps.get(&id);
        Lookup::of(
            icp.map(|(document, version)| (scope.includes(document.members()), found(document, *version))),
        )
    }

    fn create(&mut self, document: &IcpDocument) -> Result<Version, RepositoryError> {
        if self.icps.contains_key(&document.id()) {
            return Err(RepositoryError::Backend("an ICP with this id is there already".into()));
        }
        Ok(self.put(document.clone()))
    }

    fn create_once(
        &mut self,
        document: &IcpDocument,
        key: &IdempotencyKey,
    ) -> Result<Creation, RepositoryError> {
        let name = (key.user_id.clone(), key.key.clone());
        if let Entry::Occupied(used) = self.keys.entry(name.clone()) {
            if used.get().is_expired(document.created_at()) {
                used.remove();
            } else if used.get().fingerprint == key.fingerprint {
                return Ok(Creation::Repeated(used.get().outcome.clone()));
            } else {
                return Ok(Creation::KeyReused);
            }
        }
        let version = self.create(document)?;
        let outcome = StoredIcp { id: document.id(), version, json: document.json().to_owned() };
        let created_at = document.created_at();
        self.keys.insert(name, UsedKey { fingerprint: key.fingerprint, created_at, outcome });
        Ok(Creation::Created(version))
    }
}

impl UsedKey {
    fn is_expired(&self, now: Timestamp) -> bool {
        self.created_at < IdempotencyKey::oldest_that_counts(now)
    }
}
