use std::time::Duration;

use async_trait::async_trait;
use diesel::prelude::*;
use icp_domain::{ChangedFields, IcpChange, IcpDocument, IcpId, Operation, Timestamp};
use icp_ports::{
    Creation, Creator, Health, HealthCheck, IcpRepository, IdempotencyKey, Quota, Replacement,
    RepositoryError, Stamp, Version,
};
use tokio::time::timeout;

use crate::database::SqliteDatabase;
use crate::schema::icps;
use crate::write::{Entry, RowOrigin};
use crate::{idempotency, quota, write};

#[async_trait]
impl IcpRepository for SqliteDatabase {
    async fn insert(
        &self,
        document: &IcpDocument,
        creator: &Creator,
        key: Option<&IdempotencyKey>,
    ) -> Result<Creation, RepositoryError> {
        let (document, creator, key) = (document.clone(), creator.clone(), key.cloned());
        let write = self.write(move |connection| {
            if let Some(key) = &key
                && let Some(creation) =
                    idempotency::look_up_key(connection, &creator.user_id, key, document.created_at())?
            {
                return Ok(creation);
            }
            if !quota::allows_insert(connection, &document, &creator, key.is_some())? {
                return Ok(Creation::QuotaReached);
            }
            let author = creator.author();
            let stamp = Stamp { at: document.created_at(), author, keeps_replaced: false };
            let (operation, changed) = (Operation::Create, &ChangedFields::default());
            let entry = Entry { stamp: &stamp, operation, changed };
            let origin = RowOrigin { creator: Some(creator.user_id.clone()), ..RowOrigin::default() };
            let version = write::insert(connection, &document, &origin, entry)?;
            let version = version.ok_or_else(|| RepositoryError::AlreadyExists(document.id()))?;
            if let Some(key) = &key {
                idempotency::store_key(connection, &creator.user_id, key, &document, version)?;
            }
            Ok(Creation::Created(version))
        });
        write.await
    }

    async fn replace(
        &self,
        change: &IcpChange,
        expected: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        let (change, stamp) = (change.clone(), stamp.clone());
        let replace = self.write(move |connection| {
            if !quota::allows_change(connection, change.document(), expected, quota, &stamp)? {
                return Ok(Replacement::QuotaReached);
            }
            let version = write::change(connection, &change, expected, &stamp)?;
            Ok(version.map_or(Replacement::OtherVersion, Replacement::Replaced))
        });
        replace.await
    }

    async fn delete(&self, id: IcpId, expected: Version, stamp: &Stamp) -> Result<bool, RepositoryError> {
        let stamp = stamp.clone();
        self.write(move |connection| Ok(write::delete(connection, id, expected, &stamp)?)).await
    }

    async fn remove_expired_keys(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        self.write(move |connection| Ok(idempotency::remove_expired_keys(connection, now)?)).await
    }
}

#[async_trait]
impl HealthCheck for SqliteDatabase {
    async fn health(&self) -> Health {
        let probe = self.readers.run(|job| {
            let first = icps::table.select(icps::number).first::<i64>(&mut job.session.connection);
            Ok(first.optional().map(drop)?)
        });
        // The port requires a result within 3 s.
        match timeout(Duration::from_secs(2), probe).await {
            Ok(Ok(())) => Health::Ok,
            _ => Health::Unavailable,
        }
    }
}
