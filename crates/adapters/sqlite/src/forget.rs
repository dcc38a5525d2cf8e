use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use icp_domain::{Icp, IcpId, Rules, UserId};
use icp_ports::{ForgetPart, ForgetUser, RepositoryError, Version};
use uuid::Uuid;

use crate::database::SqliteDatabase;
use crate::error::{TransactionError, invalid_value};
use crate::schema::{deleted_icp_users, icp_revisions as revisions, icps, idempotency_keys};

#[async_trait]
impl ForgetUser for SqliteDatabase {
    async fn forget(
        &self,
        user_id: &UserId,
        part: ForgetPart,
    ) -> Result<Option<ForgetPart>, RepositoryError> {
        let user_id = user_id.clone();
        let forget = self.write(move |connection| match part {
            ForgetPart::Icps(from) => forget_icps(connection, &user_id, from).map(Some),
            ForgetPart::Revisions(id, version) => {
                forget_revisions(connection, &user_id, id, version).map(Some)
            }
            ForgetPart::Others => {
                let user_id = user_id.as_str();
                let deleted_icps = deleted_icp_users::table.filter(deleted_icp_users::user_id.eq(user_id));
                diesel::delete(deleted_icps).execute(connection)?;
                let keys = idempotency_keys::table.filter(idempotency_keys::user_id.eq(user_id));
                diesel::delete(keys).execute(connection)?;
                Ok(None)
            }
        });
        forget.await
    }

    async fn count_rows(&self) -> Result<u64, RepositoryError> {
        let count = self.readers.run(|job| {
            let icps: i64 = icps::table.count().get_result(&mut job.session.connection)?;
            let revisions: i64 = revisions::table.count().get_result(&mut job.session.connection)?;
            Ok(icps.unsigned_abs() + revisions.unsigned_abs())
        });
        count.await
    }
}

/// Removes the user from one page of the table `icps`, and returns the part that follows.
fn forget_icps(
    connection: &mut SqliteConnection,
    user_id: &UserId,
    from: IcpId,
) -> Result<ForgetPart, TransactionError> {
    let page = icps::table.filter(icps::id.ge(from.as_uuid().into_bytes())).order(icps::id);
    let ids = page.limit(ForgetPart::MAX_ROWS.into()).select(icps::id).load::<Vec<u8>>(connection)?;
    let Some(last) = ids.last() else { return Ok(ForgetPart::after_icps(None)) };
    let last = Uuid::from_slice(last).map_err(|_| invalid_value("icps.id", from))?;
    let forget = sql_query(
        "UPDATE icps SET creator = nullif(creator, ?1), changed_by = nullif(changed_by, ?1), \
         actor = nullif(actor, ?1) WHERE id BETWEEN ?2 AND ?3 AND ?1 IN (creator, changed_by, actor)",
    );
    forget
        .bind::<Text, _>(user_id.as_str())
        .bind::<Binary, _>(from.as_uuid().into_bytes())
        .bind::<Binary, _>(last.into_bytes())
        .execute(connection)?;
    Ok(ForgetPart::after_icps(Some(last.into())))
}

#[derive(QueryableByName)]
struct RevisionRow {
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = Binary)]
    icp_id: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    version: i64,
    /// The document, if the user's ID is anywhere in it.
    #[diesel(sql_type = Nullable<Text>)]
    document: Option<String>,
}

/// Removes the user from one page of the table `icp_revisions`, and returns the part that follows.
fn forget_revisions(
    connection: &mut SqliteConnection,
    user_id: &UserId,
    id: IcpId,
    version: Version,
) -> Result<ForgetPart, TransactionError> {
    let page = sql_query(
        "SELECT number, icp_id, version, CASE WHEN instr(document, ?4) THEN document END AS document \
         FROM icp_revisions WHERE (icp_id, version) > (?1, ?2) ORDER BY icp_id, version LIMIT ?3",
    );
    let rows: Vec<RevisionRow> = page
        .bind::<Binary, _>(id.as_uuid().into_bytes())
        .bind::<BigInt, _>(version.0)
        .bind::<BigInt, _>(i64::from(ForgetPart::MAX_ROWS))
        .bind::<Text, _>(user_id.to_json())
        .load(connection)?;
    let mut next = ForgetPart::Others;
    for RevisionRow { number, icp_id, version, document } in rows {
        let forget = sql_query(
            "UPDATE icp_revisions SET creator = nullif(creator, ?1), changed_by = nullif(changed_by, ?1), \
             actor = nullif(actor, ?1) WHERE number = ?2 AND ?1 IN (creator, changed_by, actor)",
        );
        forget.bind::<Text, _>(user_id.as_str()).bind::<BigInt, _>(number).execute(connection)?;
        let icp = document.and_then(|document| Icp::from_json(&document, Rules::Stored).ok());
        if let Some(icp) = icp.and_then(|icp| icp.without_user(user_id)) {
            let revision = revisions::table.find(number);
            diesel::update(revision).set(revisions::document.eq(icp.to_json())).execute(connection)?;
        }
        let id = Uuid::from_slice(&icp_id).map_err(|_| invalid_value("icp_revisions.icp_id", version))?;
        next = ForgetPart::Revisions(id.into(), Version(version));
    }
    Ok(next)
}
