use std::collections::{HashMap, HashSet};
use std::pin::pin;

use async_trait::async_trait;
use diesel::sql_types::{Array, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{ExpressionMethods as _, QueryDsl as _, QueryResult, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};
use futures_util::TryStreamExt as _;
use icp_domain::{ChangedFields, Icp, IcpDocument, IcpId, Rules, Timestamp, UserId};
use icp_ports::{
    ExportSink, ImportExport, ImportExportError, ImportSource, ImportSummary, OnConflict, RepositoryError,
};
use uuid::Uuid;

use crate::database::PostgresDatabase;
use crate::error::{insert_failed, query_failed};
use crate::schema::icps;

/// Maximum number of documents that an export passes to its sink at once. A document can have several megabytes.
const EXPORT_BATCH_SIZE: usize = 32;

/// SQL that acquires the lock of an import that replaces ICPs. A second import that replaces ICPs waits for the lock,
/// because two imports that store the same ICPs in different orders could deadlock. The number is arbitrary, but must
/// not change, because instances of two versions may run at the same time.
const ACQUIRE_LOCK: &str = "SELECT pg_advisory_xact_lock(7593173187244322159)";

#[async_trait]
impl ImportExport for PostgresDatabase {
    async fn import(
        &self,
        source: &mut dyn ImportSource,
        on_conflict: OnConflict,
        keeps_replaced: bool,
    ) -> Result<ImportSummary, ImportExportError> {
        // The import uses a separate connection. If this function returns early, the connection is closed, and
        // PostgreSQL rolls the transaction back.
        let connection = &mut self.pool.opener().open().await?.diesel;
        connection.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED").await.map_err(query_failed)?;
        if on_conflict == OnConflict::Replace {
            connection.batch_execute(ACQUIRE_LOCK).await.map_err(query_failed)?;
        }
        let mut summary = ImportSummary::default();
        while let Some(batch) = source.next_batch().await.map_err(ImportExportError::Stream)? {
            let changes = match on_conflict {
                OnConflict::Replace => lock_and_keep_replaced(connection, &batch, keeps_replaced).await?,
                OnConflict::Skip | OnConflict::Fail => HashMap::new(),
            };
            let written = write_batch(connection, &batch, on_conflict, &changes, &mut summary).await;
            check_replaced(&written.map_err(insert_failed)?, &changes)?;
        }
        connection.batch_execute("COMMIT").await.map_err(query_failed)?;
        Ok(summary)
    }

    async fn export(&self, sink: &mut dyn ExportSink) -> Result<u64, ImportExportError> {
        let connection = &mut self.pool.opener().open().await?.diesel;
        // A single statement reads all rows from one snapshot. Rows are read only as fast as the sink accepts
        // documents.
        let rows = icps::table.order(icps::id).select(icps::document).load_stream::<String>(connection);
        let mut batches = pin!(rows.await.map_err(query_failed)?.try_chunks(EXPORT_BATCH_SIZE));
        let mut count = 0;
        while let Some(documents) = batches.try_next().await.map_err(|error| query_failed(error.1))? {
            count += documents.len() as u64;
            sink.write_batch(documents).await.map_err(ImportExportError::Stream)?;
        }
        Ok(count)
    }
}

/// Fails if a replaced ICP did not exist when `lock_and_keep_replaced` read the stored ICPs, because another
/// transaction has stored it since. Without this check, the state that the other transaction stored would be missing
/// from the history.
fn check_replaced(replaced: &[Uuid], changes: &HashMap<Uuid, ChangedFields>) -> Result<(), RepositoryError> {
    match replaced.iter().find(|id| !changes.contains_key(*id)) {
        Some(id) => {
            let error = format!("the ICP {id} was restored or imported at the same time; repeat the import");
            Err(RepositoryError::Backend(error.into()))
        }
        None => Ok(()),
    }
}

/// Stores a batch, and adds its numbers to `summary`. Returns the IDs of the ICPs that existed before and were
/// replaced.
async fn write_batch(
    connection: &mut AsyncPgConnection,
    batch: &[IcpDocument],
    on_conflict: OnConflict,
    changes: &HashMap<Uuid, ChangedFields>,
    summary: &mut ImportSummary,
) -> QueryResult<Vec<Uuid>> {
    let documents = match on_conflict {
        OnConflict::Fail => batch.iter().collect(),
        // The first document of each ID is stored, which is the last one in reverse order.
        OnConflict::Skip => last_of_each_id(batch.iter().rev()),
        OnConflict::Replace => last_of_each_id(batch.iter()),
    };
    let stored = store_icps(connection, &documents, on_conflict, changes).await?;
    let inserted = stored.iter().filter(|stored| stored.is_new).count() as u64;
    let replaced: Vec<Uuid> = stored.iter().filter(|stored| !stored.is_new).map(|stored| stored.id).collect();
    if !replaced.is_empty() {
        let delete = sql_query("DELETE FROM icp_members WHERE icp_id = ANY($1)");
        delete.bind::<Array<SqlUuid>, _>(&replaced).execute(connection).await?;
    }
    let inserted_ids = stored.iter().filter(|stored| stored.is_new).map(|stored| stored.id);
    end_deletes(connection, &inserted_ids.collect::<Vec<_>>()).await?;
    let ids: HashSet<Uuid> = stored.iter().map(|stored| stored.id).collect();
    store_members(
        connection,
        documents.into_iter().filter(|document| ids.contains(&document.id().as_uuid())),
    )
    .await?;
    summary.inserted += inserted;
    match on_conflict {
        OnConflict::Replace => summary.replaced += batch.len() as u64 - inserted,
        OnConflict::Skip | OnConflict::Fail => summary.skipped += batch.len() as u64 - inserted,
    }
    Ok(replaced)
}

/// Returns the last document of each ID.
fn last_of_each_id<'a>(documents: impl Iterator<Item = &'a IcpDocument>) -> Vec<&'a IcpDocument> {
    documents.map(|document| (document.id(), document)).collect::<HashMap<IcpId, _>>().into_values().collect()
}

#[derive(diesel::QueryableByName)]
struct StoredRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Bool)]
    is_new: bool,
}

/// Locks the ICPs that a batch replaces. If `keeps_replaced` is true, stores their current states as revisions.
/// Returns, for each of these ICPs, the fields that its last document in the batch changes.
async fn lock_and_keep_replaced(
    connection: &mut AsyncPgConnection,
    batch: &[IcpDocument],
    keeps_replaced: bool,
) -> Result<HashMap<Uuid, ChangedFields>, RepositoryError> {
    let last: HashMap<_, _> = batch.iter().map(|document| (document.id().as_uuid(), document)).collect();
    let replaced = icps::table.filter(icps::id.eq_any(last.keys())).order(icps::id).for_no_key_update();
    let replaced = replaced.select((icps::id, icps::document)).load::<(Uuid, String)>(connection).await;
    let icp = |text: &str| {
        Icp::from_json(text, Rules::Stored).map_err(|error| RepositoryError::Backend(error.into()))
    };
    let mut changes = HashMap::new();
    for (id, before) in replaced.map_err(query_failed)? {
        let Some(after) = last.get(&id) else { continue };
        changes.insert(id, icp(&before)?.changed_fields(&icp(after.json())?));
    }
    if keeps_replaced && !changes.is_empty() {
        let keep = "WITH inserted AS (INSERT INTO icp_revisions
                (icp_id, version, changed_at, changed_by, actor, source, operation, changed, replaced_at, document)
            SELECT id, version, changed_at, changed_by, actor, source, operation, changed, clock_timestamp(), document
            FROM icps WHERE id = ANY($1))
            UPDATE icps SET history_bytes = history_bytes + octet_length(document) WHERE id = ANY($1)";
        let keep = sql_query(keep).bind::<Array<SqlUuid>, _>(changes.keys().copied().collect::<Vec<_>>());
        keep.execute(connection).await.map_err(query_failed)?;
    }
    Ok(changes)
}

/// Ends the deletes of those inserted ICPs that had been deleted, so that their histories continue: the deletes lose
/// the mark `is_deleted` and their users, and the ICPs get the sizes of their older histories.
async fn end_deletes(connection: &mut AsyncPgConnection, ids: &[Uuid]) -> QueryResult<()> {
    let end = "WITH ended AS (UPDATE icp_revisions SET is_deleted = false, creator = NULL, bytes = 0
            FROM icp_revisions AS before
            WHERE icp_revisions.icp_id = ANY($1) AND icp_revisions.is_deleted
                AND before.icp_id = icp_revisions.icp_id AND before.version = icp_revisions.version
            RETURNING icp_revisions.icp_id, icp_revisions.version, before.bytes AS bytes
        ), users AS (
            DELETE FROM deleted_icp_users USING ended
            WHERE deleted_icp_users.icp_id = ended.icp_id AND deleted_icp_users.version = ended.version
        )
        UPDATE icps SET history_bytes = history_bytes + ended.bytes FROM ended WHERE icps.id = ended.icp_id";
    sql_query(end).bind::<Array<SqlUuid>, _>(ids).execute(connection).await.map(drop)
}

/// Stores documents in the table `icps`. Returns the rows that were inserted or updated.
async fn store_icps(
    connection: &mut AsyncPgConnection,
    documents: &[&IcpDocument],
    on_conflict: OnConflict,
    changes: &HashMap<Uuid, ChangedFields>,
) -> QueryResult<Vec<StoredRow>> {
    let conflict = match on_conflict {
        OnConflict::Fail => "",
        OnConflict::Skip => "ON CONFLICT (id) DO NOTHING",
        OnConflict::Replace => {
            "ON CONFLICT (id) DO UPDATE SET
                version = greatest(icps.version + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
                name = excluded.name, created_at = excluded.created_at, updated_at = excluded.updated_at,
                active_until = excluded.active_until, document = excluded.document,
                name_folded = excluded.name_folded, providers = excluded.providers,
                changed_at = clock_timestamp(), changed_by = NULL, actor = NULL, source = 'import', operation = 'update',
                changed = excluded.changed"
        }
    };
    // `xmax` is 0 for a row that was inserted and not updated.
    let insert = sql_query(format!(
        "INSERT INTO icps (id, name, created_at, updated_at, active_until, document, name_folded, providers, changed)
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) {conflict} RETURNING id, xmax = 0 AS is_new"
    ));
    let texts = |column: fn(&IcpDocument) -> &str| {
        documents.iter().map(|document| column(document)).collect::<Vec<_>>()
    };
    let times = |column: fn(&IcpDocument) -> Timestamp| {
        documents.iter().map(|document| column(document).as_datetime()).collect::<Vec<_>>()
    };
    let active_until = documents.iter().map(|document| document.active_until().map(Timestamp::as_datetime));
    let changed_fields = documents
        .iter()
        .map(|document| changes.get(&document.id().as_uuid()).map_or("[]", ChangedFields::as_json));
    insert
        .bind::<Array<SqlUuid>, _>(
            documents.iter().map(|document| document.id().as_uuid()).collect::<Vec<_>>(),
        )
        .bind::<Array<Text>, _>(texts(IcpDocument::name))
        .bind::<Array<Timestamptz>, _>(times(IcpDocument::created_at))
        .bind::<Array<Timestamptz>, _>(times(IcpDocument::updated_at))
        .bind::<Array<Nullable<Timestamptz>>, _>(active_until.collect::<Vec<_>>())
        .bind::<Array<Text>, _>(texts(IcpDocument::json))
        .bind::<Array<Text>, _>(texts(IcpDocument::folded_name))
        .bind::<Array<Text>, _>(texts(|document| document.providers().as_str()))
        .bind::<Array<Text>, _>(changed_fields.collect::<Vec<_>>())
        .get_results(connection)
        .await
}

/// Stores the users of documents whose ICPs have no rows in `icp_members`.
async fn store_members<'a>(
    connection: &mut AsyncPgConnection,
    documents: impl Iterator<Item = &'a IcpDocument>,
) -> QueryResult<()> {
    let (mut users, mut times, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for document in documents {
        let members = document.user_ids();
        users.extend(members.iter().map(UserId::as_str));
        times.extend(members.iter().map(|_| document.created_at().as_datetime()));
        ids.extend(members.iter().map(|_| document.id().as_uuid()));
    }
    let insert = "INSERT INTO icp_members (user_id, created_at, icp_id) SELECT * FROM unnest($1, $2, $3)";
    sql_query(insert)
        .bind::<Array<Text>, _>(users)
        .bind::<Array<Timestamptz>, _>(times)
        .bind::<Array<SqlUuid>, _>(ids)
        .execute(connection)
        .await
        .map(drop)
}
