use std::collections::{HashMap, HashSet};
use std::pin::pin;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use icp_domain::{IcpDocument, IcpId, Timestamp};
use icp_ports::{
    ExportSink, IcpTransfer, ImportSource, ImportSummary, OnConflict, RepositoryError, TransferError,
};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, Transaction};
use uuid::Uuid;

use crate::copy;
use crate::database::PostgresDatabase;
use crate::error::driver_failed;

/// Documents of an export that are given on at once.
const EXPORT_BATCH: usize = 500;

/// Held by an import that looks before it writes, so that two of them do not take one another's ids for free. The number
/// is this project's own: the letters `icp-import`, cut to 8 bytes.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7593173187244322159)";
const SHARED_LOCK: &str = "SELECT pg_advisory_xact_lock_shared(7593173187244322159)";

/// What is to be replaced is locked; what is skipped must only not go away.
const TO_REPLACE: &str = "SELECT id FROM icps WHERE id = ANY($1) FOR UPDATE";
const TO_SKIP: &str = "SELECT id FROM icps WHERE id = ANY($1) FOR KEY SHARE";

const REPLACE: &str = "UPDATE icps SET version = greatest(version + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint), name = $2, created_at = $3, updated_at = $4, \
     active_until = $5, document = $6, name_folded = $7, providers = $8 WHERE id = $1";

const FORGET_MEMBERS: &str = "DELETE FROM icp_members WHERE icp_id = ANY($1)";

#[async_trait]
impl IcpTransfer for PostgresDatabase {
    async fn import(
        &self,
        source: &mut dyn ImportSource,
        on_conflict: OnConflict,
    ) -> Result<ImportSummary, TransferError> {
        // A connection of its own: whatever ends this function early closes it, and so rolls back.
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(driver_failed)?;
        // One that lets the constraint decide may run beside others of its kind.
        let lock = if on_conflict == OnConflict::Fail { SHARED_LOCK } else { LOCK };
        transaction.batch_execute(lock).await.map_err(driver_failed)?;
        let mut summary = ImportSummary::default();
        while let Some(batch) = source.next_batch().await.map_err(TransferError::Source)? {
            write_batch(&transaction, &batch, on_conflict, &mut summary).await.map_err(write_failed)?;
        }
        transaction.commit().await.map_err(driver_failed)?;
        Ok(summary)
    }

    async fn export(&self, sink: &mut dyn ExportSink) -> Result<u64, TransferError> {
        let client = self.client().await?;
        // One statement, and so one snapshot. Rows are read as the sink takes them.
        let no_parameters: [&str; 0] = [];
        let rows = client.query_raw("SELECT document FROM icps ORDER BY id", no_parameters);
        let mut batches = pin!(rows.await.map_err(driver_failed)?.try_chunks(EXPORT_BATCH));
        let mut count = 0;
        while let Some(rows) = batches.try_next().await.map_err(|error| driver_failed(error.1))? {
            let documents = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>();
            count += rows.len() as u64;
            sink.write_batch(documents.map_err(driver_failed)?).await.map_err(TransferError::Source)?;
        }
        Ok(count)
    }
}

impl PostgresDatabase {
    async fn client(&self) -> Result<Client, RepositoryError> {
        let (client, driver) = self.connector.connect().await?;
        // It ends with the client, and its error is the error of whatever the client does.
        tokio::spawn(driver);
        Ok(client)
    }
}

async fn write_batch(
    transaction: &Transaction<'_>,
    batch: &[IcpDocument],
    on_conflict: OnConflict,
    summary: &mut ImportSummary,
) -> Result<(), Error> {
    let (fresh, replacements) = match on_conflict {
        // The constraint decides.
        OnConflict::Fail => (batch.iter().collect(), Vec::new()),
        OnConflict::Skip => {
            let existing = existing(transaction, TO_SKIP, batch).await?;
            (first_of_each(batch, &existing), Vec::new())
        }
        OnConflict::Replace => {
            let existing = existing(transaction, TO_REPLACE, batch).await?;
            last_of_each(batch).into_iter().partition(|document| !existing.contains(&document.id()))
        }
    };
    replace(transaction, &replacements).await?;
    copy::icps(transaction, &fresh).await?;
    copy::members(transaction, &fresh).await?;
    let others = (batch.len() - fresh.len()) as u64;
    summary.inserted += fresh.len() as u64;
    match on_conflict {
        OnConflict::Replace => summary.replaced += others,
        OnConflict::Skip | OnConflict::Fail => summary.skipped += others,
    }
    Ok(())
}

async fn existing(
    transaction: &Transaction<'_>,
    query: &str,
    batch: &[IcpDocument],
) -> Result<HashSet<IcpId>, Error> {
    let ids: Vec<Uuid> = batch.iter().map(|document| document.id().as_uuid()).collect();
    let rows = transaction.query(query, &[&ids]).await?;
    rows.iter().map(|row| row.try_get::<_, Uuid>(0).map(IcpId::from)).collect()
}

fn first_of_each<'a>(batch: &'a [IcpDocument], existing: &HashSet<IcpId>) -> Vec<&'a IcpDocument> {
    let mut seen = existing.clone();
    batch.iter().filter(|document| seen.insert(document.id())).collect()
}

fn last_of_each(batch: &[IcpDocument]) -> Vec<&IcpDocument> {
    let last: HashMap<IcpId, &IcpDocument> = batch.iter().map(|document| (document.id(), document)).collect();
    last.into_values().collect()
}

async fn replace(transaction: &Transaction<'_>, documents: &[&IcpDocument]) -> Result<(), Error> {
    if documents.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = documents.iter().map(|document| document.id().as_uuid()).collect();
    transaction.execute(FORGET_MEMBERS, &[&ids]).await?;
    let statement = transaction.prepare(REPLACE).await?;
    let updates = documents.iter().map(async |document| {
        let active_until = document.active_until().map(Timestamp::as_datetime);
        let (created_at, updated_at) =
            (document.created_at().as_datetime(), document.updated_at().as_datetime());
        transaction
            .execute(
                &statement,
                &[
                    &document.id().as_uuid(),
                    &document.name(),
                    &created_at,
                    &updated_at,
                    &active_until,
                    &document.json(),
                    &document.folded_name(),
                    &document.providers().as_str(),
                ],
            )
            .await
    });
    // All at once: they go out behind one another without waiting for each answer.
    futures_util::future::try_join_all(updates).await?;
    copy::members(transaction, documents).await
}

fn write_failed(error: Error) -> TransferError {
    match conflicting_id(&error) {
        Some(id) => TransferError::Conflict(id),
        None => driver_failed(error).into(),
    }
}

/// The id that PostgreSQL names in the detail of a unique violation: `Key (id)=(…) already exists.`, in any language.
fn conflicting_id(error: &Error) -> Option<IcpId> {
    if error.code() != Some(&SqlState::UNIQUE_VIOLATION) {
        return None;
    }
    let detail = error.as_db_error()?.detail()?;
    detail.split(['(', ')']).find_map(|part| part.parse().ok())
}
