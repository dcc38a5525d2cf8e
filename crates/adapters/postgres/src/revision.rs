//! Statements that read and remove revisions.

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{QueryResult, QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use icp_domain::{Author, ChangedFields, IcpId, Operation, Source, Timestamp, UserId};
use icp_ports::{HistoryQuery, Lookup, RepositoryError, Revision, Version};
use uuid::Uuid;

/// The revisions of one ICP within a range of versions.
#[derive(Clone, Copy)]
pub(crate) struct RevisionRange {
    pub(crate) id: IcpId,
    /// The first and the last version.
    pub(crate) versions: (i64, i64),
    /// Only states that were replaced at or after this time, and the current state.
    pub(crate) replaced_since: Timestamp,
    pub(crate) row_limit: i64,
}

/// Returns the number of rows to read. It is one more than the limit, so that the last row shows whether another page
/// follows.
pub(crate) fn row_limit(query: &HistoryQuery) -> i64 {
    i64::try_from(query.limit.get()).unwrap_or(i64::MAX).saturating_add(1)
}

/// SQL that returns the document of a row of `icp_revisions AS revisions`. For a delete, it returns the document before
/// the delete.
const DOCUMENT: &str = "coalesce(revisions.document, (SELECT before.document FROM icp_revisions AS before \
    WHERE before.icp_id = revisions.icp_id AND before.version < revisions.version \
    ORDER BY before.version DESC LIMIT 1))";

/// The columns of a revision that the tables `icps` and `icp_revisions` have in common. `version` is the first, so that
/// `revisions.{COLUMNS}` qualifies it: the joined table `deleted_icp_users` also has a column `version`.
const COLUMNS: &str = "version, changed_at, changed_by, actor, source, operation, changed";

/// Reads the revisions of an ICP, newest first, and its current state unless it is deleted. Access to a deleted ICP
/// depends on its users at the time of the delete. `user_id` is `None` for an admin. One statement reads all of this
/// data from one snapshot.
pub(crate) async fn read_revisions(
    connection: &mut AsyncPgConnection,
    range: RevisionRange,
    user_id: Option<&str>,
    with_documents: bool,
) -> QueryResult<Lookup<Vec<RevisionRow>>> {
    let query = sql_query(format!(
        "WITH living AS (SELECT $1::text IS NULL OR EXISTS (SELECT FROM icp_members WHERE icp_members.user_id = $1 \
                AND icp_members.created_at = icps.created_at AND icp_members.icp_id = icps.id) AS is_in_scope \
             FROM icps WHERE icps.id = $2), \
         deleted AS (SELECT $1 IS NULL OR EXISTS (SELECT FROM deleted_icp_users AS users WHERE users.user_id = $1 \
                AND users.version = last.version AND users.icp_id = last.icp_id) AS is_in_scope \
             FROM icp_revisions AS last WHERE last.icp_id = $2 AND is_deleted AND replaced_at >= $3 \
             ORDER BY version DESC LIMIT 1), \
         access AS (SELECT is_in_scope FROM living UNION ALL \
             SELECT is_in_scope FROM deleted WHERE NOT EXISTS (SELECT FROM living)), \
         found AS ((SELECT id AS icp_id, {COLUMNS}, CASE WHEN $7 THEN document END AS document \
             FROM icps WHERE id = $2 AND version BETWEEN $4 AND $5) UNION ALL \
             (SELECT icp_id, {COLUMNS}, CASE WHEN $7 THEN {DOCUMENT} END FROM icp_revisions AS revisions \
             WHERE icp_id = $2 AND version BETWEEN $4 AND $5 AND replaced_at >= $3 ORDER BY version DESC LIMIT $6)) \
         SELECT is_in_scope, found.* FROM access LEFT JOIN found ON is_in_scope ORDER BY version DESC LIMIT $6"
    ));
    let rows: Vec<AccessRow> = query
        .bind::<Nullable<Text>, _>(user_id)
        .bind::<SqlUuid, _>(range.id.as_uuid())
        .bind::<Timestamptz, _>(range.replaced_since.as_datetime())
        .bind::<BigInt, _>(range.versions.0)
        .bind::<BigInt, _>(range.versions.1)
        .bind::<BigInt, _>(range.row_limit)
        .bind::<Bool, _>(with_documents)
        .load(connection)
        .await?;
    let is_in_scope = rows.as_slice().first().map(|row| row.is_in_scope);
    let rows = rows.into_iter().filter_map(|row| row.revision).collect();
    Ok(Lookup::of(is_in_scope.map(|is_in_scope| (is_in_scope, rows))))
}

/// Reads the deletes of ICPs that are still deleted, newest first. Reads only deletes of ICPs that the user could
/// access at the deletion, or all if `user_id` is `None`. Omits the documents after the one that reaches `max_bytes`.
pub(crate) async fn read_deletes(
    connection: &mut AsyncPgConnection,
    user_id: Option<&UserId>,
    query: &HistoryQuery,
) -> QueryResult<Vec<RevisionRow>> {
    let (from, key) = match user_id {
        // The condition uses `$1`, so that both statements have the same parameters.
        None => ("icp_revisions AS revisions WHERE $1::text IS NULL", "revisions"),
        Some(_) => (
            "deleted_icp_users AS users JOIN icp_revisions AS revisions \
             ON revisions.icp_id = users.icp_id AND revisions.version = users.version WHERE users.user_id = $1",
            "users",
        ),
    };
    let after = query.after.map(|after| (after.version.0, after.id.as_uuid()));
    let (version, id) = after.unwrap_or((i64::MAX, Uuid::max()));
    let deleted = sql_query(format!(
        "WITH page AS (SELECT revisions.icp_id, revisions.{COLUMNS}, {DOCUMENT} AS document FROM {from} AND is_deleted \
             AND ({key}.version, {key}.icp_id) < ($2, $3) AND replaced_at >= $4 \
             AND NOT EXISTS (SELECT FROM icps WHERE icps.id = revisions.icp_id) \
             ORDER BY {key}.version DESC, {key}.icp_id DESC LIMIT $5), \
         lengths AS (SELECT *, sum(octet_length(document)) OVER (ORDER BY version DESC, icp_id DESC) \
             - octet_length(document) AS before FROM page) \
         SELECT icp_id, {COLUMNS}, CASE WHEN before < $6 THEN document END AS document FROM lengths \
         ORDER BY version DESC, icp_id DESC"
    ));
    deleted
        .bind::<Nullable<Text>, _>(user_id.map(UserId::as_str))
        .bind::<BigInt, _>(version)
        .bind::<SqlUuid, _>(id)
        .bind::<Timestamptz, _>(query.since.as_datetime())
        .bind::<BigInt, _>(row_limit(query))
        .bind::<BigInt, _>(i64::try_from(query.max_bytes.get()).unwrap_or(i64::MAX))
        .load(connection)
        .await
}

/// Removes at most 20 revisions that were replaced before `replaced_before`, and returns their number. The limit keeps
/// the statement short: a document can have 2 MiB, or 16 MiB if it was imported. Skips revisions that another
/// transaction has locked. Removes nothing while another instance removes revisions: two statements could lock the same
/// ICPs in different orders.
pub(crate) async fn remove_old(
    connection: &mut AsyncPgConnection,
    replaced_before: Timestamp,
) -> QueryResult<i64> {
    let remove = "WITH lock AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(7593173187410322277) AS acquired), \
         removed AS (DELETE FROM icp_revisions WHERE (icp_id, version) IN \
             (SELECT icp_id, version FROM lock, icp_revisions WHERE acquired AND replaced_at < $1 \
             ORDER BY replaced_at LIMIT 20 FOR UPDATE OF icp_revisions SKIP LOCKED) RETURNING icp_id, version, octet_length(document) AS bytes), \
         sums AS (SELECT icp_id, sum(bytes) AS bytes FROM removed GROUP BY icp_id HAVING sum(bytes) > 0), \
         freed AS (UPDATE icps SET history_bytes = greatest(history_bytes - sums.bytes, 0) \
             FROM sums WHERE icps.id = sums.icp_id), \
         freed_deleted AS (UPDATE icp_revisions AS last SET bytes = greatest(last.bytes - sums.bytes, 0) \
             FROM sums WHERE last.icp_id = sums.icp_id AND last.is_deleted \
             AND NOT EXISTS (SELECT FROM removed WHERE (removed.icp_id, removed.version) = (last.icp_id, last.version))) \
         SELECT count(*) AS count FROM removed";
    let removed = sql_query(remove).bind::<Timestamptz, _>(replaced_before.as_datetime());
    Ok(removed.get_result::<Removed>(connection).await?.count)
}

#[derive(QueryableByName)]
struct Removed {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// A row of [`read_revisions`]. If the ICP is not in scope, or no revision matches, the only row has no revision. If
/// the ICP neither exists nor was deleted since [`RevisionRange::replaced_since`], there is no row.
#[derive(QueryableByName)]
struct AccessRow {
    #[diesel(sql_type = Bool)]
    is_in_scope: bool,
    #[diesel(embed)]
    revision: Option<RevisionRow>,
}

#[derive(QueryableByName)]
pub(crate) struct RevisionRow {
    #[diesel(sql_type = SqlUuid)]
    icp_id: Uuid,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Timestamptz)]
    changed_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Text>)]
    changed_by: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    actor: Option<String>,
    #[diesel(sql_type = Text)]
    source: String,
    #[diesel(sql_type = Text)]
    operation: String,
    #[diesel(sql_type = Text)]
    changed: String,
    #[diesel(sql_type = Nullable<Text>)]
    document: Option<String>,
}

impl TryFrom<RevisionRow> for Revision {
    type Error = RepositoryError;

    fn try_from(row: RevisionRow) -> Result<Self, RepositoryError> {
        let invalid = |column: &str| {
            let reason = format!("invalid value of `{column}` in a revision of ICP {}", row.icp_id);
            RepositoryError::Backend(reason.into())
        };
        let user = |user: Option<String>, column| {
            user.map(|user| user.try_into().map_err(|_| invalid(column))).transpose()
        };
        Ok(Self {
            id: row.icp_id.into(),
            version: Version(row.version),
            at: Timestamp::try_from(row.changed_at).map_err(|_| invalid("changed_at"))?,
            author: Author {
                by: user(row.changed_by, "changed_by")?,
                actor: user(row.actor, "actor")?,
                source: Source::from_name(&row.source).ok_or_else(|| invalid("source"))?,
            },
            operation: Operation::from_name(&row.operation).ok_or_else(|| invalid("operation"))?,
            changed: ChangedFields::from_json(row.changed),
            json: row.document,
        })
    }
}
