//! Statements that write several tables at once, which diesel's query builder cannot express.
//!
//! Each statement is one atomic transaction, even if the connection or the server fails. Diesel checks the types of
//! the values, and each connection prepares each statement once.

use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::AsyncPgConnection;
use icp_domain::{IcpChange, IcpDocument, IcpId, Timestamp, UserId};
use icp_ports::{Creator, IdempotencyKey, Quota, Stamp, Version};
use uuid::Uuid;

use crate::prepared::prepared_once;

/// Declares a statement: its arguments, its values, its result type and its SQL text. In the SQL text, the values are
/// the columns of the table `input`.
macro_rules! statement {
    ($(#[$doc:meta])* $name:ident($($of:ident: $of_type:ty),+) {
        $($field:ident: $type:ty as $sql_type:ty = $value:expr),+ $(,)?
    } -> $result:ty, $text:literal) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name<'a> { $($field: $type,)+ lifetime: PhantomData<&'a ()> }

        impl<'a> $name<'a> {
            pub(crate) fn new($($of: $of_type),+) -> Self {
                Self { $($field: $value,)+ lifetime: PhantomData }
            }
        }

        prepared_once!($name -> $result);

        impl diesel::RunQueryDsl<AsyncPgConnection> for $name<'_> {}

        impl QueryFragment<Pg> for $name<'_> {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                let mut separator = "WITH input AS (SELECT ";
                $(
                    out.push_sql(separator);
                    out.push_bind_param::<$sql_type, _>(&self.$field)?;
                    out.push_sql(concat!(" AS ", stringify!($field)));
                    #[allow(unused_assignments, reason = "the last column has no separator after it")]
                    { separator = ", "; }
                )+
                out.push_sql("), ");
                out.push_sql($text);
                Ok(())
            }
        }
    };
}

statement! {
    /// Stores an ICP, its users and the optional idempotency key. Returns three columns: whether the lock of the key
    /// was acquired (true without a key), whether the creator stays within the quota, and the version, which is NULL if
    /// nothing was stored.
    ///
    /// The statement counts the creator's ICPs, keys and deleted ICPs each time. A stored counter would be redundant.
    /// Every write would have to update the counter, and all writes of one creator would wait for the lock of its
    /// row.
    ///
    /// If another create with the same key is in progress, the lock is not acquired, and the statement does not wait.
    /// A waiting statement would occupy a connection. (The primary key of the table, not the lock, prevents that a
    /// key is used twice.)
    Insert(document: &'a IcpDocument, creator: &'a Creator, key: Option<&'a IdempotencyKey>) {
        id: Uuid as SqlUuid = document.id().as_uuid(),
        name: &'a str as Text = document.name(),
        created_at: DateTime<Utc> as Timestamptz = document.created_at().as_datetime(),
        updated_at: DateTime<Utc> as Timestamptz = document.updated_at().as_datetime(),
        active_until: Option<DateTime<Utc>> as Nullable<Timestamptz> = document.active_until().map(Timestamp::as_datetime),
        document: &'a str as Text = document.json(),
        name_folded: &'a str as Text = document.folded_name(),
        providers: &'a str as Text = document.providers().as_str(),
        members: Vec<&'a str> as Array<Text> = user_texts(document.user_ids()),
        creator: &'a str as Text = creator.user_id.as_str(),
        actor: Option<&'a str> as Nullable<Text> = creator.actor.as_ref().map(UserId::as_str),
        source: &'a str as Text = creator.source.as_str(),
        max_icps: i64 as BigInt = bigint(creator.quota.icps),
        max_bytes: i64 as BigInt = bigint(creator.quota.bytes),
        user_id: Option<&'a str> as Nullable<Text> = key.map(|_| creator.user_id.as_str()),
        key: Option<&'a str> as Nullable<Text> = key.map(|key| key.key.as_str()),
        fingerprint: Option<&'a [u8]> as Nullable<Bytea> = key.map(|key| key.fingerprint.as_slice()),
        oldest_key: DateTime<Utc> as Timestamptz = IdempotencyKey::oldest_valid(document.created_at()).as_datetime(),
    } -> (Bool, Bool, Nullable<BigInt>),
    "lock AS MATERIALIZED (
        SELECT coalesce(pg_try_advisory_xact_lock(hashtextextended(key, hashtextextended(user_id, 0))), true) AS acquired,
            (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS version
        FROM input
    ), quota AS MATERIALIZED (
        SELECT created.icps < max_icps AND used.keys < max_icps AND deleted.icps < max_icps
            AND created.bytes + used.bytes + deleted.bytes
            + octet_length(document) * CASE WHEN key IS NULL THEN 1 ELSE 2 END <= max_bytes AS is_kept
        FROM input,
            LATERAL (SELECT count(*) AS icps, coalesce(sum(octet_length(icps.document) + history_bytes), 0) AS bytes
                FROM icps WHERE icps.creator = input.creator) AS created,
            LATERAL (SELECT count(*) AS icps, coalesce(sum(bytes), 0) AS bytes
                FROM icp_revisions WHERE icp_revisions.creator = input.creator) AS deleted,
            LATERAL (SELECT count(*) AS keys, coalesce(sum(octet_length(stored.document)), 0) AS bytes
                FROM idempotency_keys AS stored WHERE stored.user_id = input.creator) AS used
    ), claimed AS (
        INSERT INTO idempotency_keys AS used (user_id, key, fingerprint, created_at, icp_id, version, document)
        SELECT user_id, key, fingerprint, created_at, id, version, document
        FROM input, lock, quota WHERE acquired AND is_kept AND key IS NOT NULL
        ON CONFLICT (user_id, key) DO UPDATE SET (fingerprint, created_at, icp_id, version, document) =
            (excluded.fingerprint, excluded.created_at, excluded.icp_id, excluded.version, excluded.document)
            WHERE used.created_at < (SELECT oldest_key FROM input)
        RETURNING used.version
    ), allowed AS (
        SELECT version FROM claimed UNION ALL SELECT version FROM lock, quota, input WHERE is_kept AND key IS NULL
    ), inserted AS (
        INSERT INTO icps (id, version, name, created_at, updated_at, active_until, document, name_folded, providers, creator,
            changed_at, changed_by, actor, source)
        SELECT id, version, name, created_at, updated_at, active_until, document, name_folded, providers, creator,
            created_at, creator, actor, source
        FROM input, allowed
    ), joined AS (
        INSERT INTO icp_members (user_id, created_at, icp_id)
        SELECT unnest(members), created_at, id FROM input, allowed
    )
    SELECT acquired, is_kept, allowed.version FROM lock CROSS JOIN quota LEFT JOIN allowed ON true"
}

statement! {
    /// Replaces the document if the ICP has the expected version. If `Stamp::keeps_replaced` is true, stores the
    /// replaced state as a revision. Returns the new version, or NULL if the creator's quota is used up. Returns no row
    /// if the ICP has another version, or if another transaction has locked it. The statement does not wait for the
    /// other transaction, because a waiting statement would occupy a connection and then change nothing. The creator's
    /// ICPs are counted only if `Quota::is_counted` is true.
    ///
    /// `BETWEEN` finds the same rows as `=`. With `=`, PostgreSQL would assume that each ICP has the average number
    /// of users, and would scan all users of the ICP.
    Replace(change: &'a IcpChange, expected: Version, quota: Quota, stamp: &'a Stamp) {
        id: Uuid as SqlUuid = change.document().id().as_uuid(),
        expected: i64 as BigInt = expected.0,
        name: &'a str as Text = change.document().name(),
        updated_at: DateTime<Utc> as Timestamptz = change.document().updated_at().as_datetime(),
        active_until: Option<DateTime<Utc>> as Nullable<Timestamptz> = change.document().active_until().map(Timestamp::as_datetime),
        document: &'a str as Text = change.document().json(),
        name_folded: &'a str as Text = change.document().folded_name(),
        providers: &'a str as Text = change.document().providers().as_str(),
        joined: Vec<&'a str> as Array<Text> = user_texts(change.added_users()),
        left_users: Vec<&'a str> as Array<Text> = user_texts(change.removed_users()),
        uncounted: i64 as BigInt = bigint(quota.uncounted_bytes()),
        max_bytes: i64 as BigInt = bigint(quota.bytes),
        at: DateTime<Utc> as Timestamptz = stamp.at.as_datetime(),
        changed_by: Option<&'a str> as Nullable<Text> = stamp.author.by.as_ref().map(UserId::as_str),
        actor: Option<&'a str> as Nullable<Text> = stamp.author.actor.as_ref().map(UserId::as_str),
        source: &'a str as Text = stamp.author.source.as_str(),
        operation: &'a str as Text = change.operation().as_str(),
        changed_fields: &'a str as Text = change.changed().as_json(),
        keeps_replaced: bool as Bool = stamp.keeps_replaced,
    } -> Nullable<BigInt>,
    "target AS (
        SELECT icps.*, bytes.kept, CASE WHEN (bytes.before + bytes.growth) / uncounted <= bytes.before / uncounted THEN true
            ELSE bytes.growth + CASE WHEN icps.creator IS NULL THEN bytes.before ELSE
                (SELECT coalesce(sum(octet_length(created.document) + created.history_bytes), 0) FROM icps AS created WHERE created.creator = icps.creator)
                + (SELECT coalesce(sum(deleted.bytes), 0) FROM icp_revisions AS deleted WHERE deleted.creator = icps.creator)
                + (SELECT coalesce(sum(octet_length(used.document)), 0) FROM idempotency_keys AS used WHERE used.user_id = icps.creator)
                END <= max_bytes END AS is_kept
        FROM icps, input,
            LATERAL (SELECT CASE WHEN keeps_replaced THEN octet_length(icps.document) ELSE 0 END AS kept,
                octet_length(icps.document) + icps.history_bytes AS before,
                octet_length(input.document) - CASE WHEN keeps_replaced THEN 0 ELSE octet_length(icps.document) END AS growth) AS bytes
        WHERE icps.id = input.id AND icps.version = input.expected
        FOR NO KEY UPDATE OF icps SKIP LOCKED
    ), changed AS (
        UPDATE icps SET version = greatest(icps.version + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
            name = input.name, updated_at = input.updated_at, active_until = input.active_until,
            document = input.document, name_folded = input.name_folded, providers = input.providers,
            changed_at = input.at, changed_by = input.changed_by, actor = input.actor, source = input.source,
            operation = input.operation, changed = input.changed_fields, history_bytes = icps.history_bytes + target.kept
        FROM input, target WHERE icps.id = target.id AND target.is_kept
        RETURNING icps.id, icps.version, icps.created_at
    ), kept AS (
        INSERT INTO icp_revisions (icp_id, version, changed_at, changed_by, actor, source, operation, changed, replaced_at, document)
        SELECT id, version, changed_at, target.changed_by, target.actor, target.source, target.operation, changed, at, target.document
        FROM target, LATERAL (SELECT at FROM input WHERE keeps_replaced) AS input WHERE is_kept
    ), left_users AS (
        DELETE FROM icp_members USING input, changed, unnest(input.left_users) AS leaver
        WHERE icp_members.user_id = leaver AND icp_members.created_at = changed.created_at
            AND icp_members.icp_id BETWEEN changed.id AND changed.id
    ), joined AS (
        INSERT INTO icp_members (user_id, created_at, icp_id)
        SELECT unnest(input.joined), changed.created_at, changed.id FROM input, changed
    )
    SELECT changed.version FROM target LEFT JOIN changed ON true"
}

statement! {
    /// Deletes the ICP and its users if the ICP has the expected version. If `Stamp::keeps_replaced` is true, stores
    /// the last state and the delete as revisions, and also stores the users who had access. Returns the ID. Returns no
    /// row if the ICP has another version, or if another transaction has locked it.
    Delete(id: IcpId, expected: Version, stamp: &'a Stamp) {
        id: Uuid as SqlUuid = id.as_uuid(),
        expected: i64 as BigInt = expected.0,
        at: DateTime<Utc> as Timestamptz = stamp.at.as_datetime(),
        deleted_by: Option<&'a str> as Nullable<Text> = stamp.author.by.as_ref().map(UserId::as_str),
        deleting_actor: Option<&'a str> as Nullable<Text> = stamp.author.actor.as_ref().map(UserId::as_str),
        deleting_source: &'a str as Text = stamp.author.source.as_str(),
        keeps_replaced: bool as Bool = stamp.keeps_replaced,
    } -> SqlUuid,
    "target AS (
        SELECT icps.* FROM icps, input WHERE icps.id = input.id AND icps.version = input.expected
        FOR UPDATE OF icps SKIP LOCKED
    ), kept AS (
        INSERT INTO icp_revisions (icp_id, version, changed_at, changed_by, actor, source, operation, changed, replaced_at, document)
        SELECT target.id, version, changed_at, changed_by, actor, source, operation, changed, at, document
        FROM target, input WHERE keeps_replaced
    ), entry AS (
        INSERT INTO icp_revisions (icp_id, version, changed_at, changed_by, actor, source, operation, changed, replaced_at,
            is_deleted, creator, bytes)
        SELECT target.id, greatest(version + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint), at, deleted_by,
            deleting_actor, deleting_source, 'delete', '[]', at, true, creator, history_bytes + octet_length(document)
        FROM target, input WHERE keeps_replaced
        RETURNING icp_id, version
    ), users AS (
        INSERT INTO deleted_icp_users (user_id, version, icp_id)
        SELECT icp_members.user_id, entry.version, entry.icp_id
        FROM entry, icp_members WHERE icp_members.icp_id = entry.icp_id
    ), deleted AS (
        DELETE FROM icps USING target WHERE icps.id = target.id RETURNING icps.id
    )
    SELECT id FROM deleted"
}

statement! {
    /// Restores a deleted ICP. Returns its new version, or NULL if the creator's quota is used up. Returns no row if
    /// the ICP exists, if its last delete has another version, or if another transaction has locked it.
    Undelete(change: &'a IcpChange, deleted: Version, quota: Quota, stamp: &'a Stamp) {
        id: Uuid as SqlUuid = change.document().id().as_uuid(),
        expected: i64 as BigInt = deleted.0,
        name: &'a str as Text = change.document().name(),
        created_at: DateTime<Utc> as Timestamptz = change.document().created_at().as_datetime(),
        updated_at: DateTime<Utc> as Timestamptz = change.document().updated_at().as_datetime(),
        active_until: Option<DateTime<Utc>> as Nullable<Timestamptz> = change.document().active_until().map(Timestamp::as_datetime),
        document: &'a str as Text = change.document().json(),
        name_folded: &'a str as Text = change.document().folded_name(),
        providers: &'a str as Text = change.document().providers().as_str(),
        members: Vec<&'a str> as Array<Text> = user_texts(change.document().user_ids()),
        max_icps: i64 as BigInt = bigint(quota.icps),
        max_bytes: i64 as BigInt = bigint(quota.bytes),
        at: DateTime<Utc> as Timestamptz = stamp.at.as_datetime(),
        restored_by: Option<&'a str> as Nullable<Text> = stamp.author.by.as_ref().map(UserId::as_str),
        restoring_actor: Option<&'a str> as Nullable<Text> = stamp.author.actor.as_ref().map(UserId::as_str),
        restoring_source: &'a str as Text = stamp.author.source.as_str(),
        restoring: &'a str as Text = change.operation().as_str(),
        changed_fields: &'a str as Text = change.changed().as_json(),
    } -> Nullable<BigInt>,
    "target AS (
        SELECT last.icp_id, last.version, last.creator, last.bytes FROM icp_revisions AS last, input
        WHERE last.icp_id = input.id AND last.version = input.expected AND last.is_deleted
            AND NOT EXISTS (SELECT FROM icps WHERE icps.id = input.id)
            AND NOT EXISTS (SELECT FROM icp_revisions AS newer WHERE newer.icp_id = input.id AND newer.version > input.expected)
        FOR UPDATE OF last SKIP LOCKED
    ), allowed AS (
        SELECT target.* FROM target, input,
            LATERAL (SELECT count(*) AS icps, coalesce(sum(octet_length(icps.document) + history_bytes), 0) AS bytes
                FROM icps WHERE icps.creator = target.creator) AS created,
            LATERAL (SELECT coalesce(sum(bytes), 0) AS bytes
                FROM icp_revisions WHERE icp_revisions.creator = target.creator) AS deleted,
            LATERAL (SELECT coalesce(sum(octet_length(stored.document)), 0) AS bytes
                FROM idempotency_keys AS stored WHERE stored.user_id = target.creator) AS used
        WHERE (target.creator IS NULL OR created.icps < max_icps)
            AND CASE WHEN target.creator IS NULL THEN target.bytes ELSE created.bytes + deleted.bytes + used.bytes END
                + octet_length(document) <= max_bytes
    ), inserted AS (
        INSERT INTO icps (id, version, name, created_at, updated_at, active_until, document, name_folded, providers, creator,
            changed_at, changed_by, actor, source, operation, changed, history_bytes)
        SELECT id, greatest(version + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint), name, created_at, updated_at,
            active_until, document, name_folded, providers, creator, at, restored_by, restoring_actor, restoring_source, restoring,
            changed_fields, bytes
        FROM input, allowed
        ON CONFLICT (id) DO NOTHING RETURNING id, version
    ), joined AS (
        INSERT INTO icp_members (user_id, created_at, icp_id)
        SELECT unnest(members), created_at, input.id FROM input, inserted
    ), ended AS (
        UPDATE icp_revisions SET is_deleted = false, creator = NULL, bytes = 0
        FROM allowed, inserted WHERE icp_revisions.icp_id = allowed.icp_id AND icp_revisions.version = allowed.version
    ), users AS (
        DELETE FROM deleted_icp_users USING allowed, inserted
        WHERE deleted_icp_users.icp_id = allowed.icp_id AND deleted_icp_users.version = allowed.version
    )
    SELECT inserted.version FROM target LEFT JOIN allowed ON true LEFT JOIN inserted ON true
    WHERE allowed.icp_id IS NULL OR inserted.id IS NOT NULL"
}

/// Converts a limit. A limit above `i64::MAX` becomes `i64::MAX`.
fn bigint(limit: u64) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(crate) fn user_texts(users: &[UserId]) -> Vec<&str> {
    users.iter().map(UserId::as_str).collect()
}
