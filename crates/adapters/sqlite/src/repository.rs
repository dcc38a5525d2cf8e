use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::sql_types::Bool;
use diesel::{
    BoolExpressionMethods as _, ExpressionMethods as _, IntoSql as _, OptionalExtension as _, QueryDsl as _,
    QueryResult, RunQueryDsl as _, SqliteConnection,
};
use icp_domain::{AccessScope, IcpChange, IcpDocument, IcpId, Timestamp, UserId};
use icp_ports::{
    Creation, Health, HealthCheck, IcpList, IcpReader, IcpRepository, IdempotencyKey, ListQuery, ListVersion,
    Lookup, RepositoryError, StoredIcp, Version,
};

use crate::database::SqliteDatabase;
use crate::list;
use crate::rows::{self, id_bytes};
use crate::schema::{icp_members, icps};
use crate::used_keys;

#[async_trait]
impl IcpReader for SqliteDatabase {
    async fn list(&self, query: &ListQuery) -> Result<IcpList, RepositoryError> {
        let query = query.clone();
        self.connections.read(move |connection| list::list(connection, &query)).await
    }

    async fn list_version(&self, query: &ListQuery) -> Result<ListVersion, RepositoryError> {
        let query = query.clone();
        self.connections.read_knowing(move |reader| list::version(reader, &query)).await
    }

    async fn get(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<StoredIcp>, RepositoryError> {
        let scope = scope.clone();
        self.connections.read(move |connection| get(connection, id, &scope)).await
    }

    async fn version(&self, id: IcpId, scope: &AccessScope) -> Result<Lookup<Version>, RepositoryError> {
        let scope = scope.clone();
        self.connections.read(move |connection| version(connection, id, &scope)).await
    }
}

#[async_trait]
impl IcpRepository for SqliteDatabase {
    async fn create(&self, document: &IcpDocument) -> Result<Version, RepositoryError> {
        let document = document.clone();
        self.connections.write(move |connection| create(connection, &document)).await
    }

    async fn create_once(
        &self,
        document: &IcpDocument,
        key: &IdempotencyKey,
    ) -> Result<Creation, RepositoryError> {
        let (document, key) = (document.clone(), key.clone());
        self.connections
            .write(move |connection| {
                if let Some(outcome) = used_keys::look_up(connection, &key, document.created_at())? {
                    return Ok(outcome);
                }
                let version = create(connection, &document)?;
                used_keys::store(connection, &key, &document, version)?;
                Ok(Creation::Created(version))
            })
            .await
    }

    async fn update(
        &self,
        change: &IcpChange,
        expected: Version,
    ) -> Result<Option<Version>, RepositoryError> {
        let change = change.clone();
        self.connections.write(move |connection| update(connection, &change, expected)).await
    }

    async fn delete(&self, id: IcpId, expected: Version) -> Result<bool, RepositoryError> {
        self.connections.write(move |connection| delete(connection, id, expected)).await
    }

    async fn remove_expired_keys(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        self.connections.write(move |connection| used_keys::remove_expired(connection, now)).await
    }
}

#[async_trait]
impl HealthCheck for SqliteDatabase {
    async fn health(&self) -> Health {
        let probe = |connection: &mut SqliteConnection| {
            icps::table.select(icps::number).first::<i64>(connection).optional().map(drop)
        };
        let within = tokio::time::timeout(std::time::Duration::from_secs(2), self.connections.read(probe));
        match within.await {
            Ok(Ok(())) => Health::Ok,
            _ => Health::Unavailable,
        }
    }
}

/// Whether the ICP is within a scope: one look-up in the primary key of `icp_members`.
#[diesel::dsl::auto_type(no_type_alias)]
fn is_within<'a>(scope: &'a AccessScope) -> _ {
    let everything: bool = scope.member().is_none();
    let member: &'a str = scope.member().map_or("", UserId::as_str);
    let membership = icp_members::table
        .filter(icp_members::user_id.eq(member))
        .filter(icp_members::created_at.eq(icps::created_at))
        .filter(icp_members::icp_id.eq(icps::id));
    everything.into_sql::<Bool>().or(exists(membership))
}

fn get(connection: &mut SqliteConnection, id: IcpId, scope: &AccessScope) -> QueryResult<Lookup<StoredIcp>> {
    let found = icps::table
        .filter(icps::id.eq(id_bytes(id)))
        .select((is_within(scope), icps::version, icps::document))
        .get_result::<(bool, i64, String)>(connection)
        .optional()?;
    let stored = |version: i64, json| StoredIcp { id, version: version.into(), json };
    Ok(Lookup::of(found.map(|(within, version, json)| (within, stored(version, json)))))
}

fn version(
    connection: &mut SqliteConnection,
    id: IcpId,
    scope: &AccessScope,
) -> QueryResult<Lookup<Version>> {
    let found = icps::table
        .filter(icps::id.eq(id_bytes(id)))
        .select((is_within(scope), icps::version))
        .get_result::<(bool, i64)>(connection)
        .optional()?;
    Ok(Lookup::of(found.map(|(within, version)| (within, version.into()))))
}

fn create(connection: &mut SqliteConnection, document: &IcpDocument) -> QueryResult<Version> {
    match rows::insert(connection, document)? {
        Some(row) => Ok(row.version.into()),
        None => Err(diesel::result::Error::QueryBuilderError("an ICP with this id is there already".into())),
    }
}

fn update(
    connection: &mut SqliteConnection,
    change: &IcpChange,
    expected: Version,
) -> QueryResult<Option<Version>> {
    if !is_at(connection, change.id(), expected)? {
        return Ok(None);
    }
    let row = rows::replace(connection, change.document())?;
    rows::delete_members(connection, change.document(), change.left())?;
    rows::insert_members(connection, row.number, change.document(), change.joined())?;
    Ok(Some(row.version.into()))
}

/// Within a transaction that writes, this does not change until its end.
fn is_at(connection: &mut SqliteConnection, id: IcpId, expected: Version) -> QueryResult<bool> {
    let at = icps::table.filter(icps::id.eq(id_bytes(id))).filter(icps::version.eq(expected.number()));
    diesel::select(exists(at)).get_result(connection)
}

/// Its members go with it.
fn delete(connection: &mut SqliteConnection, id: IcpId, expected: Version) -> QueryResult<bool> {
    let at = icps::table.filter(icps::id.eq(id_bytes(id))).filter(icps::version.eq(expected.number()));
    diesel::delete(at).execute(connection).map(|deleted| deleted > 0)
}
