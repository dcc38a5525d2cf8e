use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::sql_types::{Bool, Integer};
use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, IntoSql as _, QueryDsl as _};
use icp_domain::{AccessScope, IcpChange, IcpDocument, IcpId, Timestamp, UserId};
use icp_ports::{
    Creation, Health, HealthCheck, IcpList, IcpReader, IcpRepository, IdempotencyKey, ListQuery, ListVersion,
    ListVersionBuilder, Lookup, Measurement, RepositoryError, StoredIcp, Version,
};

use uuid::Uuid;

use crate::connection::Connection;
use crate::database::PostgresDatabase;
use crate::error::QueryError;
use crate::gathered::{SHORT, is_short};
use crate::list;
use crate::long_lists::LongList;
use crate::schema::{icp_members, icps};
use crate::statements::{Create, CreateOnce, Delete, Update};
use crate::used_keys;

#[async_trait]
impl IcpReader for PostgresDatabase {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        let member = query.scope.member();
        if is_nobodys(member.as_str()) {
            return Ok(IcpList { version: nothing(), ..IcpList::default() });
        }
        if query.is_for_everything() {
            return self.everything(member, query.max_bytes).await;
        }
        self.connections.read_long(|connection| list::some(connection, query)).await
    }

    async fn list_version(&self, query: &ListQuery) -> Result<ListVersion, RepositoryError> {
        let member = query.scope.member();
        if is_nobodys(member.as_str()) {
            return Ok(nothing());
        }
        if query.is_for_everything() {
            return self.version_of_everything(member).await;
        }
        self.connections.read_long(|connection| list::version_of_some(connection, query)).await
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        self.connections.read(|connection| get(connection, id, scope)).await
    }

    async fn version(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<Version>, RepositoryError> {
        self.connections.read(|connection| version(connection, id, scope)).await
    }
}

#[async_trait]
impl IcpRepository for PostgresDatabase {
    async fn create(&self, document: &IcpDocument) -> Result<Version, RepositoryError> {
        let creating = async |connection: Arc<Connection>| {
            let created = connection.first(&Create::of(document)).await?;
            created.map(|row| row.try_get::<_, i64>(0)).transpose().map_err(QueryError::from)
        };
        let version = self.connections.write(creating).await?;
        version.map(Version::from).ok_or_else(|| RepositoryError::Backend("a create gave no version".into()))
    }

    async fn create_once(
        &self,
        document: &IcpDocument,
        key: &IdempotencyKey,
    ) -> Result<Creation, RepositoryError> {
        let creating = async |connection: Arc<Connection>| {
            let created = connection.first(&CreateOnce::of(document, key)).await?;
            created.map(|row| Ok((row.try_get(0)?, row.try_get::<_, Option<i64>>(1)?))).transpose()
        };
        match self.connections.write(creating).await?.unwrap_or((false, None)) {
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
            let updated = connection.first(&Update::of(change, expected)).await?;
            updated.map(|row| row.try_get::<_, i64>(0)).transpose().map_err(QueryError::from)
        };
        Ok(self.connections.write(updating).await?.map(Version::from))
    }

    async fn delete(&self, id: IcpId, expected: Version) -> Result<bool, RepositoryError> {
        let deleting = async |connection: Arc<Connection>| connection.first(&Delete::of(id, expected)).await;
        Ok(self.connections.write(deleting).await?.is_some())
    }

    async fn remove_expired_keys(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        self.connections.write(|connection| used_keys::remove_expired(connection, now)).await
    }
}

#[async_trait]
impl HealthCheck for PostgresDatabase {
    async fn health(&self) -> Health {
        self.probing.health(self.connections.look(probe)).await
    }

    fn measurements(&self) -> Vec<Measurement> {
        self.connections.measurements()
    }
}

impl PostgresDatabase {
    /// The whole list of a user: in company where it is short.
    async fn everything(
        &self,
        member: &UserId,
        max_bytes: Option<usize>,
    ) -> Result<IcpList, RepositoryError> {
        let (began, gatherings) = (Instant::now(), &self.gatherings);
        let may_be_short =
            max_bytes.is_none_or(|most| most >= SHORT) && !gatherings.long_ones.contains(member);
        if may_be_short && let Some(list) = gatherings.lists.ask(&self.connections, began, member).await? {
            return Ok(list);
        }
        let question = LongList { member: member.clone(), max_bytes };
        let list = gatherings.long_lists.ask(&self.connections, began, &question).await?;
        gatherings.long_ones.note(member, !is_short(&list));
        Ok(list)
    }

    async fn version_of_everything(&self, member: &UserId) -> Result<ListVersion, RepositoryError> {
        let (began, gatherings) = (Instant::now(), &self.gatherings);
        if !gatherings.long_ones.contains(member)
            && let Some(version) = gatherings.versions.ask(&self.connections, began, member).await?
        {
            return Ok(version);
        }
        gatherings.long_versions.ask(&self.connections, began, member).await
    }
}

/// Whether no ICP can name this user: no text of PostgreSQL holds the character.
fn is_nobodys(member: &str) -> bool {
    member.contains('\0')
}

/// The version of an empty list.
fn nothing() -> ListVersion {
    ListVersionBuilder::default().finish(false)
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

#[diesel::dsl::auto_type(no_type_alias)]
fn version_of<'a>(id: Uuid, scope: &'a AccessScope) -> _ {
    let within: is_within<'a> = is_within(scope);
    icps::table.find(id).select((within, icps::version))
}

async fn get(
    connection: Arc<Connection>,
    id: IcpId,
    scope: &AccessScope,
) -> Result<Lookup<StoredIcp>, QueryError> {
    let found = match connection.first(&document_of(id.as_uuid(), scope)).await? {
        Some(row) => {
            let version: i64 = row.try_get(1)?;
            Some((row.try_get(0)?, StoredIcp { id, version: version.into(), json: row.try_get(2)? }))
        }
        None => None,
    };
    Ok(Lookup::of(found))
}

async fn version(
    connection: Arc<Connection>,
    id: IcpId,
    scope: &AccessScope,
) -> Result<Lookup<Version>, QueryError> {
    let found = match connection.first(&version_of(id.as_uuid(), scope)).await? {
        Some(row) => Some((row.try_get(0)?, Version::from(row.try_get::<_, i64>(1)?))),
        None => None,
    };
    Ok(Lookup::of(found))
}

async fn probe(connection: Arc<Connection>) -> Result<(), QueryError> {
    connection.first(&diesel::select(1.into_sql::<Integer>())).await.map(drop)
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
