//! The tables and columns that diesel's query builder uses.

diesel::table! {
    icps (number) {
        number -> BigInt,
        id -> Binary,
        version -> BigInt,
        name -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        active_until -> Nullable<BigInt>,
        name_folded -> Text,
        providers -> Text,
        creator -> Nullable<Text>,
        changed_at -> BigInt,
        changed_by -> Nullable<Text>,
        actor -> Nullable<Text>,
        source -> Text,
        operation -> Text,
        changed -> Text,
        history_bytes -> BigInt,
        document -> Text,
    }
}

diesel::table! {
    icp_revisions (number) {
        number -> BigInt,
        icp_id -> Binary,
        version -> BigInt,
        changed_at -> BigInt,
        changed_by -> Nullable<Text>,
        actor -> Nullable<Text>,
        source -> Text,
        operation -> Text,
        changed -> Text,
        replaced_at -> BigInt,
        is_deleted -> Bool,
        creator -> Nullable<Text>,
        bytes -> BigInt,
        document -> Nullable<Text>,
    }
}

diesel::table! {
    deleted_icp_users (user_id, version, icp_id) {
        user_id -> Text,
        version -> BigInt,
        icp_id -> Binary,
    }
}

diesel::table! {
    icp_members (user_id, created_at, icp_id) {
        user_id -> Text,
        created_at -> BigInt,
        icp_id -> Binary,
        icp_number -> BigInt,
    }
}

diesel::table! {
    idempotency_keys (user_id, key) {
        user_id -> Text,
        key -> Text,
        fingerprint -> Binary,
        created_at -> BigInt,
        icp_id -> Binary,
        version -> BigInt,
        document -> Text,
    }
}

diesel::joinable!(icp_members -> icps (icp_number));
diesel::allow_tables_to_appear_in_same_query!(icps, icp_members);
