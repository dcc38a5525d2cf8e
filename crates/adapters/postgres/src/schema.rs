//! Tables and columns for diesel's query builder. Most statements of this crate are written in SQL, and do not use
//! them.

diesel::table! {
    icps (id) {
        id -> Uuid,
        version -> BigInt,
        name -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        active_until -> Nullable<Timestamptz>,
        document -> Text,
        name_folded -> Text,
        providers -> Text,
        creator -> Nullable<Text>,
    }
}

diesel::table! {
    icp_members (user_id, created_at, icp_id) {
        user_id -> Text,
        created_at -> Timestamptz,
        icp_id -> Uuid,
    }
}

diesel::table! {
    idempotency_keys (user_id, key) {
        user_id -> Text,
        key -> Text,
        fingerprint -> Bytea,
        created_at -> Timestamptz,
        icp_id -> Uuid,
        version -> BigInt,
        document -> Text,
    }
}

diesel::table! {
    /// Diesel's own table.
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

diesel::joinable!(icp_members -> icps (icp_id));
diesel::allow_tables_to_appear_in_same_query!(icps, icp_members);
