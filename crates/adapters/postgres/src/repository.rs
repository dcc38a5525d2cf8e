use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::sql_types::Bool;
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, IntoSql as _, OptionalExtension as _, QueryDsl as _,
    QueryResult,
};
use diesel_async::RunQueryDsl as _;
use icp_domain::{AccessScope, IcpChange, IcpDocument, IcpId, Timestamp, UserId};
use icp_ports::{
    Creation, Health, HealthCheck, IcpList, IcpRepository, IdempotencyKey, ListQuery, ListVersion, Lookup,
    RepositoryError, StoredIcp, Version,
};

use uuid::Uuid;

use crate::connection::Connection;
use crate::database::PostgresDatabase;
use crate::list;
use crate::schema::{icp_members, icps};
use crate::statements::{Create, CreateOnce, Delete, Update};
use crate::used_keys;

#[async_trait]
impl IcpRepository for PostgresDatabase {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        self.connections.read(|connection| list::list(connection, query)).await
    }

    async fn list_version(&self, query: &ListQuery) -> Result<ListVersion, RepositoryError> {
        self.connections.read(|connection| list::version(connection, query)).await
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        self.connections.read(|connection| get(connection, id, scope)).await
    }

    async fn version(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<Version>, RepositoryError> {
        self.connections.read(|connection| version(connection, id, scope)).await
    }

    async fn create(&self, document: &IcpDocument) -> Result<Version, RepositoryError> {
        let creating = async |connection: Arc<Connection>| {
            Create::of(document).get_result::<i64>(&mut &**connection).await.map(Version::from)
        };
        self.connections.write(creating).await
    }

    async fn create_once(
        &self,
        document: &IcpDocument,
        key: &IdempotencyKey,
    ) -> Result<Creation, RepositoryError> {
        let creating = async |connection: Arc<Connection>| {
            CreateOnce::of(document, key).get_result::<(bool, Option<i64>)>(&mut &**connection).await
        };
        match self.connections.write(creating).await? {
            (true, Some(version)) => Ok(Creation::Created(version.into())),
            (true, None) => self.connections.read(|connection| used_keys::look_up(connection, key)).await,
            (false, _) => Ok(Creation::InProgress),
        }
    }

    async fn update(
        &self,
        change: &IcpChange,
        expected: Version,
    ) -> Result<Option<Version>, RepositoryError> {
        let updating = async |connection: Arc<Connection>| {
            Update::of(change, expected).get_result::<i64>(&mut &**connection).await.optional()
        };
        Ok(self.connections.write(updating).await?.map(Version::from))
    }

    async fn delete(&self, id: IcpId, expected: Version) -> Result<bool, RepositoryError> {
        let deleting = async |connection: Arc<Connection>| {
            Delete::of(id, expected).get_result::<Uuid>(&mut &**connection).await.optional()
        };
        Ok(self.connections.write(deleting).await?.is_some())
    }

    async fn remove_expired_keys(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        self.connections.write(|connection| used_keys::remove_expired(connection, now)).await
    }
}

#[async_trait]
impl HealthCheck for PostgresDatabase {
    async fn health(&self) -> Health {
        let probe = self.connections.read(probe);
        match tokio::time::timeout(Duration::from_secs(2), probe).await {
            Ok(Ok(())) => Health::Ok,
            _ => Health::Unavailable,
        }
    }
}

/// Whether the ICP is within a scope: one look-up in the primary key of `icp_members`.
///
/// `BETWEEN` is `=` here, and keeps PostgreSQL from walking over all users of the ICP: it plans for one that has as many as
/// usual.
#[diesel::dsl::auto_type]
fn is_within<'a>(scope: &'a AccessScope) -> _ {
    let everything: bool = scope.member().is_none();
    let member: &'a str = scope.member().map_or("", UserId::as_str);
    let membership = icp_members::table
        .filter(icp_members::user_id.eq(member))
        .filter(icp_members::created_at.eq(icps::created_at))
        .filter(icp_members::icp_id.between(icps::id, icps::id));
    everything.into_sql::<Bool>().or(exists(membership))
}

#[diesel::dsl::auto_type(no_type_alias)]
fn document_of<'a>(id: Uuid, scope: &'a AccessScope) -> _ {
    let within: is_within<'a> = is_within(scope);
    icps::table.find(id).select((within, icps::version, icps::document))
}

async fn get(connection: Arc<Connection>, id: IcpId, scope: &AccessScope) -> QueryResult<Lookup<StoredIcp>> {
    let found = document_of(id.as_uuid(), scope)
        .get_result::<(bool, i64, String)>(&mut &**connection)
        .await
        .optional()?;
    let stored = |version: i64, json| StoredIcp { id, version: version.into(), json };
    Ok(Lookup::of(found.map(|(within, version, json)| (within, stored(version, json)))))
}

async fn version(
    connection: Arc<Connection>,
    id: IcpId,
    scope: &AccessScope,
) -> QueryResult<Lookup<Version>> {
    let found = icps::table
        .find(id.as_uuid())
        .select((is_within(scope), icps::version))
        .get_result::<(bool, i64)>(&mut &**connection)
        .await
        .optional()?;
    Ok(Lookup::of(found.map(|(within, version)| (within, version.into()))))
}

async fn probe(connection: Arc<Connection>) -> QueryResult<()> {
    diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1"))
        .get_result::<i32>(&mut &**connection)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use icp_domain::Caller;
    use icp_testkit::fixtures::{id, user};

    use super::document_of;
    use crate::explain::{ICPS_OF_ONE_USER, migrated, plan};

    #[tokio::test]
    async fn an_icp_costs_the_same_however_many_users_it_has() {
        let (client, _kept) = migrated().await;
        client.batch_execute(ICPS_OF_ONE_USER).await.expect("it fills");
        let crowd = "
            INSERT INTO icps SELECT lpad('1', 32, '0')::uuid, 1, 'x', now(), now(), NULL, 'crowded';
            INSERT INTO icp_members SELECT 'crowd_' || number, icps.created_at, icps.id
            FROM icps, generate_series(1, 10000) number WHERE icps.document = 'crowded'";
        client.batch_execute(crowd).await.expect("it fills");
        let scope = Caller::user(user("crowd_9999")).access_scope();
        let one = document_of(id(1).as_uuid(), &scope);
        let values = format!("false, 'crowd_9999', '{}'", id(1));
        let (plan, pages) = plan(&client, &one, "bool, text, uuid", &values).await;
        assert!(plan.contains("using icp_members_pkey"), "{plan}");
        assert!(pages <= 12, "{pages} pages:\n{plan}");
    }
}
