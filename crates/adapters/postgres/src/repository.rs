use std::time::Duration;

use async_trait::async_trait;
use diesel::IntoSql as _;
use diesel::result::DatabaseErrorKind::UniqueViolation;
use diesel::result::Error::DatabaseError;
use diesel::sql_types::Integer;
use diesel_async::RunQueryDsl as _;
use icp_domain::{IcpChange, IcpDocument, IcpId, Timestamp};
use icp_ports::{
    Creation, Creator, Health, HealthCheck, IcpRepository, IdempotencyKey, Quota, Replacement,
    RepositoryError, Stamp, Version,
};

use crate::database::PostgresDatabase;
use crate::error::insert_failed;
use crate::idempotency;
use crate::pool::Deadline;
use crate::write::{Delete, Insert, Replace};

/// Timeout of a health check, including the wait for a connection.
const HEALTH_TIMEOUT: Duration = Duration::from_millis(2_500);

#[async_trait]
impl IcpRepository for PostgresDatabase {
    async fn insert(
        &self,
        document: &IcpDocument,
        creator: &Creator,
        key: Option<&IdempotencyKey>,
    ) -> Result<Creation, RepositoryError> {
        let deadline = self.pool.deadline();
        let values = (document.clone(), creator.clone(), key.cloned());
        let inserting = self.pool.run(deadline, move |connection| {
            Box::pin(async move {
                let (document, creator, key) = &values;
                let insert = Insert::new(document, creator, key.as_ref());
                match insert.get_result::<(bool, bool, Option<i64>)>(connection).await {
                    Err(error @ DatabaseError(UniqueViolation, _)) => Ok(Err(insert_failed(error))),
                    result => result.map(Ok),
                }
            })
        });
        let (has_key_lock, is_within_quota, version) = inserting.await??;
        if let Some(version) = version {
            return Ok(Creation::Created(Version(version)));
        }
        let look_up = |key| {
            let oldest = IdempotencyKey::oldest_valid(document.created_at());
            let parameters = (creator.user_id.clone(), key, oldest);
            self.pool.read(deadline, parameters, |connection, (user_id, key, oldest)| {
                Box::pin(idempotency::look_up_key(connection, user_id, key, *oldest))
            })
        };
        let earlier_creation = match key.cloned().filter(|_| has_key_lock) {
            Some(key) => look_up(key).await?,
            None => None,
        };
        // The reason why nothing was stored, unless an earlier create has used the key.
        let reason =
            if is_within_quota || !has_key_lock { Creation::InProgress } else { Creation::QuotaReached };
        Ok(earlier_creation.unwrap_or(reason))
    }

    async fn replace(
        &self,
        change: &IcpChange,
        expected: Version,
        quota: Quota,
        stamp: &Stamp,
    ) -> Result<Replacement, RepositoryError> {
        let (change, stamp) = (change.clone(), stamp.clone());
        let replacing = self.pool.run(self.pool.deadline(), move |connection| {
            Box::pin(async move {
                let replace = Replace::new(&change, expected, quota, &stamp);
                replace.get_results::<Option<i64>>(connection).await
            })
        });
        Ok(match replacing.await?.pop() {
            Some(Some(version)) => Replacement::Replaced(Version(version)),
            Some(None) => Replacement::QuotaReached,
            None => Replacement::OtherVersion,
        })
    }

    async fn delete(&self, id: IcpId, expected: Version, stamp: &Stamp) -> Result<bool, RepositoryError> {
        let stamp = stamp.clone();
        let deleting = self.pool.run(self.pool.deadline(), move |connection| {
            Box::pin(async move { Delete::new(id, expected, &stamp).execute(connection).await })
        });
        Ok(deleting.await? > 0)
    }

    async fn remove_expired_keys(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        let removing = self.pool.run(self.pool.deadline(), move |connection| {
            Box::pin(async move { idempotency::remove_expired_keys(connection, now).await })
        });
        Ok(removing.await? as u64)
    }
}

#[async_trait]
impl HealthCheck for PostgresDatabase {
    async fn health(&self) -> Health {
        // The check waits for a connection until the timeout. If the database is only busy, a connection is released in
        // this time.
        let probing = self.pool.read(Deadline::within(HEALTH_TIMEOUT), (), |connection, ()| {
            Box::pin(diesel::select(1.into_sql::<Integer>()).get_result::<i32>(connection))
        });
        match probing.await {
            Ok(_) => Health::Ok,
            Err(error) => {
                tracing::debug!(%error, "the database is not healthy");
                Health::Unavailable
            }
        }
    }
}
