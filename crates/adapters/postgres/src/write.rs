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
use icp_ports::{IdempotencyKey, Version};
use uuid::Uuid;

/// Declares that the text of a query is always the same, so that each connection prepares it once.
macro_rules! prepared_once {
    ($name:ident -> $result:ty) => {
        impl diesel::query_builder::QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::Query for $name<'_> {
            type SqlType = $result;
        }
    };
}
pub(crate) use prepared_once;

/// Declares a statement: its values, which are the columns of its first table `input`, its result and its text.
macro_rules! statement {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty as $sql_type:ty),+ $(,)? } -> $result:ty, $text:literal) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name<'a> { $($field: $type,)+ lifetime: PhantomData<&'a ()> }

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
    /// is in progress, and the version, or NULL if the key is in use.
    ///
    /// A create does not wait for another with the same key: that would keep a connection from other requests. (The lock
    /// is not what keeps a key from being used twice. That is the primary key of its table.)
    Insert {
        id: Uuid as SqlUuid,
        name: &'a str as Text,
        created_at: DateTime<Utc> as Timestamptz,
        updated_at: DateTime<Utc> as Timestamptz,
        active_until: Option<DateTime<Utc>> as Nullable<Timestamptz>,
        document: &'a str as Text,
        name_folded: &'a str as Text,
        providers: &'a str as Text,
        members: Vec<&'a str> as Array<Text>,
        user_id: Option<&'a str> as Nullable<Text>,
        key: Option<&'a str> as Nullable<Text>,
        fingerprint: Option<&'a [u8]> as Nullable<Bytea>,
        oldest_key: DateTime<Utc> as Timestamptz,
    } -> (Bool, Nullable<BigInt>),
    "lock AS MATERIALIZED (
        SELECT coalesce(pg_try_advisory_xact_lock(hashtextextended(key, hashtextextended(user_id, 0))), true) AS acquired,
            (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS version
        FROM input
    ), claimed AS (
        INSERT INTO idempotency_keys AS used (user_id, key, fingerprint, created_at, icp_id, version, document)
        SELECT user_id, key, fingerprint, created_at, id, version, document
        FROM input, lock WHERE acquired AND key IS NOT NULL
        ON CONFLICT (user_id, key) DO UPDATE SET (fingerprint, created_at, icp_id, version, document) =
            (excluded.fingerprint, excluded.created_at, excluded.icp_id, excluded.version, excluded.document)
            WHERE used.created_at < (SELECT oldest_key FROM input)
        RETURNING used.version
    ), allowed AS (
        SELECT version FROM claimed UNION ALL SELECT version FROM lock, input WHERE key IS NULL
    ), inserted AS (
        INSERT INTO icps (id, version, name, created_at, updated_at, active_until, document, name_folded, providers)
        SELECT id, version, name, created_at, updated_at, active_until, document, name_folded, providers
        FROM input, allowed
    ), joined AS (
        INSERT INTO icp_members (user_id, created_at, icp_id)
        SELECT unnest(members), created_at, id FROM input, allowed
    )
    SELECT acquired, allowed.version FROM lock LEFT JOIN allowed ON true"
}

statement! {
    /// Replaces the document at the expected version. Returns the new version, or nothing if the ICP is at another version
    /// or is being written: a statement that waited would keep its connection, and then do nothing.
    ///
    /// `BETWEEN` is `=` here. It keeps PostgreSQL from walking over all users of the ICP: it plans for an ICP with the usual
    /// number of users.
    Replace {
        id: Uuid as SqlUuid,
        expected: i64 as BigInt,
        name: &'a str as Text,
        updated_at: DateTime<Utc> as Timestamptz,
        active_until: Option<DateTime<Utc>> as Nullable<Timestamptz>,
        document: &'a str as Text,
        name_folded: &'a str as Text,
        providers: &'a str as Text,
        joined: Vec<&'a str> as Array<Text>,
        left_users: Vec<&'a str> as Array<Text>,
    } -> BigInt,
    "target AS (
        SELECT icps.id FROM icps, input WHERE icps.id = input.id AND icps.version = input.expected
        FOR NO KEY UPDATE OF icps SKIP LOCKED
    ), changed AS (
        UPDATE icps SET version = greatest(version + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
            name = input.name, updated_at = input.updated_at, active_until = input.active_until,
            document = input.document, name_folded = input.name_folded, providers = input.providers
        FROM input, target WHERE icps.id = target.id
        RETURNING icps.id, icps.version, icps.created_at
    ), left_users AS (
        DELETE FROM icp_members USING input, changed, unnest(input.left_users) AS leaver
        WHERE icp_members.user_id = leaver AND icp_members.created_at = changed.created_at
            AND icp_members.icp_id BETWEEN changed.id AND changed.id
    ), joined AS (
        INSERT INTO icp_members (user_id, created_at, icp_id)
        SELECT unnest(input.joined), changed.created_at, changed.id FROM input, changed
    )
    SELECT version FROM changed"
}

statement! {
    /// Deletes the ICP at the expected version and its members. Returns its ID, or nothing if it is at another version or is
    /// being written.
    Delete {
        id: Uuid as SqlUuid,
        expected: i64 as BigInt,
    } -> SqlUuid,
    "target AS (
        SELECT icps.id FROM icps, input WHERE icps.id = input.id AND icps.version = input.expected
        FOR UPDATE OF icps SKIP LOCKED
    ), deleted AS (
        DELETE FROM icps USING target WHERE icps.id = target.id RETURNING icps.id
    )
    SELECT id FROM deleted"
}

impl Delete<'_> {
    pub(crate) fn of(id: IcpId, expected: Version) -> Self {
        Self { id: id.as_uuid(), expected: expected.number(), lifetime: PhantomData }
    }
}

impl<'a> Insert<'a> {
    pub(crate) fn of(document: &'a IcpDocument, key: Option<&'a IdempotencyKey>) -> Self {
        Self {
            id: document.id().as_uuid(),
            name: document.name(),
            created_at: document.created_at().as_datetime(),
            updated_at: document.updated_at().as_datetime(),
            active_until: document.active_until().map(Timestamp::as_datetime),
            document: document.json(),
            name_folded: document.folded_name(),
            providers: document.providers().as_str(),
            members: texts(document.members()),
            user_id: key.map(|key| key.user_id.as_str()),
            key: key.map(|key| key.key.as_str()),
            fingerprint: key.map(|key| key.fingerprint.as_slice()),
            oldest_key: IdempotencyKey::oldest_valid(document.created_at()).as_datetime(),
            lifetime: PhantomData,
        }
    }
}

impl<'a> Replace<'a> {
    pub(crate) fn of(change: &'a IcpChange, expected: Version) -> Self {
        let document = change.document();
        Self {
            id: document.id().as_uuid(),
            expected: expected.number(),
            name: document.name(),
            updated_at: document.updated_at().as_datetime(),
            active_until: document.active_until().map(Timestamp::as_datetime),
            document: document.json(),
            name_folded: document.folded_name(),
            providers: document.providers().as_str(),
            joined: texts(change.joined()),
            left_users: texts(change.left()),
            lifetime: PhantomData,
        }
    }
}

fn texts(users: &[UserId]) -> Vec<&str> {
    users.iter().map(UserId::as_str).collect()
}

#[cfg(test)]
mod tests {
    use icp_domain::{Icp, IcpChange};
    use icp_testkit::fixtures::icp;
    use tokio_postgres::Client;

    use super::{Replace, texts};
    use crate::explain::{ICPS_OF_ONE_USER, migrated, plan};

    const TYPES: &str = "uuid, bigint, text, timestamptz, timestamptz, text, text, text, text[], text[]";

    /// Returns the pages that PostgreSQL reads to rename an ICP with this number of users.
    async fn pages_of_a_change(client: &Client, number: u128, users: usize) -> u32 {
        let users: Vec<_> = (0..users).map(|user| format!("user_{user}")).collect();
        let document = icp(number).with("userIds", users).document();
        let before = document.to_icp().expect("it is whole");
        let (id, created_at) = (document.id().as_uuid(), document.created_at().as_datetime());
        let store = "WITH stored AS (INSERT INTO icps VALUES ($1, 1, 'x', $2, $2, NULL, 'x', 'x', ','))
             INSERT INTO icp_members SELECT unnest($3::text[]), $2, $1";
        client.execute(store, &[&id, &created_at, &texts(document.members())]).await.expect("it is stored");
        let after = Icp { name: "after".to_owned(), ..before.clone() };
        let change = IcpChange::between(&before, after);
        let values = format!("'{id}', 1, 'after', now(), NULL, 'after', 'after', ',', '{{}}', '{{}}'");
        plan(client, &Replace::of(&change, 1.into()), TYPES, &values).await.1
    }

    #[tokio::test]
    async fn change_does_not_read_users_who_stay() {
        let (client, _database) = migrated().await;
        client.batch_execute(ICPS_OF_ONE_USER).await.expect("it fills");
        let few = pages_of_a_change(&client, 1, 2).await;
        let many = pages_of_a_change(&client, 2, 10_000).await;
        assert!(many <= few + 5, "{few} pages have become {many}");
    }
}
