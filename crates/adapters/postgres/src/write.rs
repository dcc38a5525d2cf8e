//! Statements that write several tables at once, which diesel cannot build.
//!
//! Each is one statement and so one transaction, done completely or not at all, whenever the connection or the server
//! dies. Its values are typed by diesel, and each connection prepares it once.

use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::AsyncPgConnection;
use icp_domain::{IcpChange, IcpDocument, IcpId, Timestamp, UserId};
use icp_ports::{Creator, IdempotencyKey, Quota, Version};
use uuid::Uuid;

use crate::prepared::prepared_once;

/// Declares a statement: what it is made of, its values, which are the columns of its first table `input`, its result and its
/// text.
macro_rules! statement {
    ($(#[$doc:meta])* $name:ident($($of:ident: $of_type:ty),+) {
        $($field:ident: $type:ty as $sql_type:ty = $value:expr),+ $(,)?
    } -> $result:ty, $text:literal) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name<'a> { $($field: $type,)+ lifetime: PhantomData<&'a ()> }

        impl<'a> $name<'a> {
            pub(crate) fn of($($of: $of_type),+) -> Self {
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
    /// Stores an ICP and its members and, if there is one, the idempotency key. Returns whether no other create with this key
    /// is in progress, whether the creator stays within the quota, and the version, or NULL if nothing was stored.
    ///
    /// The creator's ICPs and keys are counted. Counters would be a second statement of the same fact, which every write
    /// would have to maintain, and a row for which all writes of one creator would wait.
    ///
    /// A create does not wait for another with the same key: that would keep a connection from other requests. (The lock
    /// is not what keeps a key from being used twice. That is the primary key of its table.)
    Insert(document: &'a IcpDocument, creator: &'a Creator, key: Option<&'a IdempotencyKey>) {
        id: Uuid as SqlUuid = document.id().as_uuid(),
        name: &'a str as Text = document.name(),
        created_at: DateTime<Utc> as Timestamptz = document.created_at().as_datetime(),
        updated_at: DateTime<Utc> as Timestamptz = document.updated_at().as_datetime(),
        active_until: Option<DateTime<Utc>> as Nullable<Timestamptz> = document.active_until().map(Timestamp::as_datetime),
        document: &'a str as Text = document.json(),
        name_folded: &'a str as Text = document.folded_name(),
        providers: &'a str as Text = document.providers().as_str(),
        members: Vec<&'a str> as Array<Text> = texts(document.user_ids()),
        creator: &'a str as Text = creator.user_id.as_str(),
        max_icps: i64 as BigInt = bigint(creator.quota.icps),
        max_bytes: i64 as BigInt = bigint(creator.quota.bytes),
        user_id: Option<&'a str> as Nullable<Text> = key.map(|key| key.user_id.as_str()),
        key: Option<&'a str> as Nullable<Text> = key.map(|key| key.key.as_str()),
        fingerprint: Option<&'a [u8]> as Nullable<Bytea> = key.map(|key| key.fingerprint.as_slice()),
        oldest_key: DateTime<Utc> as Timestamptz = IdempotencyKey::oldest_valid(document.created_at()).as_datetime(),
    } -> (Bool, Bool, Nullable<BigInt>),
    "lock AS MATERIALIZED (
        SELECT coalesce(pg_try_advisory_xact_lock(hashtextextended(key, hashtextextended(user_id, 0))), true) AS acquired,
            (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS version
        FROM input
    ), quota AS MATERIALIZED (
        SELECT created.icps < max_icps AND used.keys < max_icps AND created.bytes + used.bytes
            + octet_length(document) * CASE WHEN key IS NULL THEN 1 ELSE 2 END <= max_bytes AS is_kept
        FROM input,
            LATERAL (SELECT count(*) AS icps, coalesce(sum(octet_length(icps.document)), 0) AS bytes
                FROM icps WHERE icps.creator = input.creator) AS created,
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
        INSERT INTO icps (id, version, name, created_at, updated_at, active_until, document, name_folded, providers, creator)
        SELECT id, version, name, created_at, updated_at, active_until, document, name_folded, providers, creator
        FROM input, allowed
    ), joined AS (
        INSERT INTO icp_members (user_id, created_at, icp_id)
        SELECT unnest(members), created_at, id FROM input, allowed
    )
    SELECT acquired, is_kept, allowed.version FROM lock CROSS JOIN quota LEFT JOIN allowed ON true"
}

statement! {
    /// Replaces the document at the expected version. Returns the new version, or NULL if the creator's quota is used up, or
    /// nothing if the ICP is at another version or is being written: a statement that waited would keep its connection, and
    /// then do nothing. The creator's ICPs are counted only for a document that is long.
    ///
    /// `BETWEEN` is `=` here. It keeps PostgreSQL from walking over all users of the ICP: it plans for an ICP with the usual
    /// number of users.
    Replace(change: &'a IcpChange, expected: Version, quota: Quota) {
        id: Uuid as SqlUuid = change.document().id().as_uuid(),
        expected: i64 as BigInt = expected.0,
        name: &'a str as Text = change.document().name(),
        updated_at: DateTime<Utc> as Timestamptz = change.document().updated_at().as_datetime(),
        active_until: Option<DateTime<Utc>> as Nullable<Timestamptz> = change.document().active_until().map(Timestamp::as_datetime),
        document: &'a str as Text = change.document().json(),
        name_folded: &'a str as Text = change.document().folded_name(),
        providers: &'a str as Text = change.document().providers().as_str(),
        joined: Vec<&'a str> as Array<Text> = texts(change.joined()),
        left_users: Vec<&'a str> as Array<Text> = texts(change.left()),
        uncounted: i64 as BigInt = bigint(quota.uncounted_bytes()),
        max_bytes: i64 as BigInt = bigint(quota.bytes),
    } -> Nullable<BigInt>,
    "target AS (
        SELECT icps.id, CASE WHEN octet_length(input.document) <= greatest(uncounted, octet_length(icps.document)) THEN true
            ELSE octet_length(input.document) - octet_length(icps.document)
                + (SELECT coalesce(sum(octet_length(created.document)), 0) FROM icps AS created WHERE created.creator = icps.creator)
                + (SELECT coalesce(sum(octet_length(used.document)), 0) FROM idempotency_keys AS used WHERE used.user_id = icps.creator)
                <= max_bytes END AS is_kept
        FROM icps, input WHERE icps.id = input.id AND icps.version = input.expected
        FOR NO KEY UPDATE OF icps SKIP LOCKED
    ), changed AS (
        UPDATE icps SET version = greatest(version + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
            name = input.name, updated_at = input.updated_at, active_until = input.active_until,
            document = input.document, name_folded = input.name_folded, providers = input.providers
        FROM input, target WHERE icps.id = target.id AND target.is_kept
        RETURNING icps.id, icps.version, icps.created_at
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
    /// Deletes the ICP at the expected version and its members. Returns its ID, or nothing if it is at another version or is
    /// being written.
    Delete(id: IcpId, expected: Version) {
        id: Uuid as SqlUuid = id.as_uuid(),
        expected: i64 as BigInt = expected.0,
    } -> SqlUuid,
    "target AS (
        SELECT icps.id FROM icps, input WHERE icps.id = input.id AND icps.version = input.expected
        FOR UPDATE OF icps SKIP LOCKED
    ), deleted AS (
        DELETE FROM icps USING target WHERE icps.id = target.id RETURNING icps.id
    )
    SELECT id FROM deleted"
}

/// Converts a limit. One that is too large is none.
fn bigint(limit: u64) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(crate) fn texts(users: &[UserId]) -> Vec<&str> {
    users.iter().map(UserId::as_str).collect()
}
