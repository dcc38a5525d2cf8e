use async_trait::async_trait;
use diesel::sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid};
use diesel::{QueryResult, QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use icp_domain::{Icp, IcpId, Rules, UserId};
use icp_ports::{ForgetPart, ForgetUser, RepositoryError, Version};
use uuid::Uuid;

use crate::database::PostgresDatabase;

#[async_trait]
impl ForgetUser for PostgresDatabase {
    async fn forget(
        &self,
        user_id: &UserId,
        part: ForgetPart,
    ) -> Result<Option<ForgetPart>, RepositoryError> {
        // PostgreSQL cannot store U+0000, so no row names such a user.
        if user_id.as_str().contains('\0') {
            return Ok(None);
        }
        let user_id = user_id.clone();
        let forgetting = self.pool.run(self.pool.deadline(), move |connection| {
            Box::pin(async move {
                match part {
                    ForgetPart::Icps(from) => forget_in_icps(connection, &user_id, from).await.map(Some),
                    ForgetPart::Revisions(id, version) => {
                        forget_in_revisions(connection, &user_id, id, version).await.map(Some)
                    }
                    ForgetPart::Others => delete_other_rows(connection, &user_id).await.map(|()| None),
                }
            })
        });
        forgetting.await
    }

    async fn count_rows(&self) -> Result<u64, RepositoryError> {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = BigInt)]
            count: i64,
        }
        let counting = self.pool.read(self.pool.deadline(), (), |connection, ()| {
            // The result is PostgreSQL's estimate, because an exact count would scan both tables.
            let query = "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint AS count FROM pg_class \
                         WHERE oid IN (to_regclass('icps'), to_regclass('icp_revisions'))";
            Box::pin(async move { sql_query(query).get_result::<Count>(connection).await })
        });
        Ok(counting.await?.count.unsigned_abs())
    }
}

#[derive(QueryableByName)]
struct LastRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Removes the user from one page of the table `icps`, and returns the part that follows.
async fn forget_in_icps(
    connection: &mut AsyncPgConnection,
    user_id: &UserId,
    from: IcpId,
) -> QueryResult<ForgetPart> {
    let query = "WITH page AS (SELECT id FROM icps WHERE id >= $1 ORDER BY id LIMIT $2), \
         forgotten AS (UPDATE icps SET creator = nullif(creator, $3), changed_by = nullif(changed_by, $3), \
             actor = nullif(actor, $3) FROM page WHERE icps.id = page.id AND $3 IN (creator, changed_by, actor)) \
         SELECT id FROM page ORDER BY id DESC LIMIT 1";
    let last: Vec<LastRow> = sql_query(query)
        .bind::<SqlUuid, _>(from.as_uuid())
        .bind::<BigInt, _>(i64::from(ForgetPart::MAX_ROWS))
        .bind::<Text, _>(user_id.as_str())
        .get_results(connection)
        .await?;
    Ok(ForgetPart::after_icps(last.last().map(|last| last.id.into())))
}

#[derive(QueryableByName)]
struct RevisionRow {
    #[diesel(sql_type = SqlUuid)]
    icp_id: Uuid,
    #[diesel(sql_type = BigInt)]
    version: i64,
    /// The document, if the user's ID is anywhere in it.
    #[diesel(sql_type = Nullable<Text>)]
    document: Option<String>,
}

/// Removes the user from one page of the table `icp_revisions`, and returns the part that follows.
async fn forget_in_revisions(
    connection: &mut AsyncPgConnection,
    user_id: &UserId,
    id: IcpId,
    version: Version,
) -> QueryResult<ForgetPart> {
    let query = "WITH page AS (SELECT icp_id, version, CASE WHEN strpos(document, $4) > 0 THEN document END AS document \
             FROM icp_revisions WHERE (icp_id, version) > ($1, $2) ORDER BY icp_id, version LIMIT $3), \
         forgotten AS (UPDATE icp_revisions SET creator = nullif(creator, $5), changed_by = nullif(changed_by, $5), \
             actor = nullif(actor, $5) FROM page WHERE icp_revisions.icp_id = page.icp_id \
             AND icp_revisions.version = page.version AND $5 IN (creator, changed_by, actor)) \
         SELECT icp_id, version, document FROM page ORDER BY icp_id, version";
    let rows: Vec<RevisionRow> = sql_query(query)
        .bind::<SqlUuid, _>(id.as_uuid())
        .bind::<BigInt, _>(version.0)
        .bind::<BigInt, _>(i64::from(ForgetPart::MAX_ROWS))
        .bind::<Text, _>(user_id.to_json())
        .bind::<Text, _>(user_id.as_str())
        .get_results(connection)
        .await?;
    let last = rows.last().map(|row| ForgetPart::Revisions(row.icp_id.into(), Version(row.version)));
    for RevisionRow { icp_id, version, document } in rows {
        let icp = document.and_then(|document| Icp::from_json(&document, Rules::Stored).ok());
        let Some(icp) = icp.and_then(|icp| icp.without_user(user_id)) else { continue };
        sql_query("UPDATE icp_revisions SET document = $3 WHERE icp_id = $1 AND version = $2")
            .bind::<SqlUuid, _>(icp_id)
            .bind::<BigInt, _>(version)
            .bind::<Text, _>(icp.to_json())
            .execute(connection)
            .await?;
    }
    Ok(last.unwrap_or(ForgetPart::Others))
}

async fn delete_other_rows(connection: &mut AsyncPgConnection, user_id: &UserId) -> QueryResult<()> {
    for table in ["deleted_icp_users", "idempotency_keys"] {
        let delete = sql_query(format!("DELETE FROM {table} WHERE user_id = $1"));
        delete.bind::<Text, _>(user_id.as_str()).execute(connection).await?;
    }
    Ok(())
}
