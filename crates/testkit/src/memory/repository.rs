use async_trait::async_trait;
use icp_domain::{AccessScope, IcpChange, IcpDocument, IcpId, Timestamp};
use icp_ports::{
    Creation, IcpList, IcpReader, IcpRepository, IdempotencyKey, ListQuery, Lookup, RepositoryError,
    StoredIcp, Version,
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
        key: Option<&IdempotencyKey>,
    ) -> Result<Creation, RepositoryError> {
        self.write(|state| match key {
            Some(key) => state.insert_once(document, key),
            None => state.insert(document).map(Creation::Created),
        })
    }

    async fn replace(
        &self,
        change: &IcpChange,
        expected: Version,
    ) -> Result<Option<Version>, RepositoryError> {
        Ok(self.write(|state| {
            let is_expected = state.is_at(change.id(), expected);
            is_expected.then(|| state.put(change.document().clone()))
        }))
    }

    async fn delete(&self, id: IcpId, expected: Version) -> Result<bool, RepositoryError> {
        Ok(self.write(|state| state.is_at(id, expected) && state.icps.remove(&id).is_some()))
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

    fn insert(&mut self, document: &IcpDocument) -> Result<Version, RepositoryError> {
        if self.icps.contains_key(&document.id()) {
            return Err(RepositoryError::AlreadyExists(document.id()));
        }
        Ok(self.put(document.clone()))
    }

    fn insert_once(
        &mut self,
        document: &IcpDocument,
        key: &IdempotencyKey,
    ) -> Result<Creation, RepositoryError> {
        let name = (key.user_id.clone(), key.key.clone());
        let valid = self.keys.get(&name).filter(|used| !used.is_expired(document.created_at()));
        if let Some(used) = valid {
            let is_same = used.fingerprint == key.fingerprint;
            return Ok(if is_same { Creation::Repeated(used.outcome.clone()) } else { Creation::KeyReused });
        }
        let version = self.insert(document)?;
        let outcome = StoredIcp { id: document.id(), version, json: document.json().to_owned() };
        let created_at = document.created_at();
        self.keys.insert(name, UsedKey { fingerprint: key.fingerprint, created_at, outcome });
        Ok(Creation::Created(version))
    }
}

impl UsedKey {
    fn is_expired(&self, now: Timestamp) -> bool {
        self.created_at < IdempotencyKey::oldest_valid(now)
    }
}
