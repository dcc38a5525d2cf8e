-- An ICP in its wire form, with columns for everything that is filtered or sorted by. `document` is text and not jsonb: it
-- is served as it is, and jsonb would be rendered again for each read and would change what was written.
CREATE TABLE icps (
    id           uuid        PRIMARY KEY,
    -- Versions start from the time: an ICP that is deleted and comes back by an import continues above what it had, as
    -- long as no ICP is changed more often than once in a microsecond.
    version      bigint      NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint CHECK (version > 0),
    name         text        NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    active_until timestamptz,
    document     text        NOT NULL,
    -- Made by the service: no SQL folds case as it does.
    name_folded  text        COLLATE "C" NOT NULL,
    providers    text        NOT NULL,
    -- The user who created the ICP, by whom it counts; NULL if it was imported.
    creator      text,
    -- The change that made this state, as its history shows it. `changed` is a JSON array of names.
    changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by   text,
    actor        text,
    source       text        NOT NULL DEFAULT 'import',
    operation    text        NOT NULL DEFAULT 'create',
    changed      text        NOT NULL DEFAULT '[]',
    -- The bytes of its revisions, so that no change has to add them up.
    history_bytes bigint     NOT NULL DEFAULT 0
);

-- For counting the ICPs of a creator.
CREATE INDEX icps_by_creator ON icps (creator) WHERE creator IS NOT NULL;

-- The users of each ICP. The primary key is the order of a user's list, so that the list is one walk along the index.
CREATE TABLE icp_members (
    user_id    text        NOT NULL CHECK (user_id <> ''),
    created_at timestamptz NOT NULL,
    icp_id     uuid        NOT NULL REFERENCES icps (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, created_at, icp_id)
);

-- For changing and deleting the users of one ICP.
CREATE INDEX icp_members_by_icp ON icp_members (icp_id);

-- The first answer of a create that can be repeated. Not bound to `icps`: the answer stays the same when the ICP is
-- changed or deleted.
CREATE TABLE idempotency_keys (
    user_id     text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    icp_id      uuid        NOT NULL,
    version     bigint      NOT NULL,
    document    text        NOT NULL,
    PRIMARY KEY (user_id, key)
);

-- For removing expired keys.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- The states of ICPs that were replaced, with the changes that made them. It does not refer to `icps`: the history stays
-- when the ICP is deleted, and goes on when it is restored. A delete is a row too, above the state that it deleted. It has no
-- document: its document is that of the row before it.
CREATE TABLE icp_revisions (
    icp_id      uuid        NOT NULL,
    version     bigint      NOT NULL,
    changed_at  timestamptz NOT NULL,
    changed_by  text,
    actor       text,
    source      text        NOT NULL,
    operation   text        NOT NULL,
    changed     text        NOT NULL,
    -- Of a delete: when it was made, so that it is removed with the state that it deleted.
    replaced_at timestamptz NOT NULL,
    -- For a delete, as long as the ICP is deleted: its creator, and the bytes of its revisions.
    is_deleted  boolean     NOT NULL DEFAULT false,
    creator     text,
    bytes       bigint      NOT NULL DEFAULT 0,
    document    text,
    PRIMARY KEY (icp_id, version)
);

-- For removing old revisions.
CREATE INDEX icp_revisions_by_age ON icp_revisions (replaced_at);

-- For the deleted ICPs that an admin sees, and for the deleted ICPs of a creator.
CREATE INDEX icp_revisions_deleted ON icp_revisions (version, icp_id) WHERE is_deleted;
CREATE INDEX icp_revisions_by_creator ON icp_revisions (creator) WHERE creator IS NOT NULL;

-- Who could access the deleted ICPs when they were deleted. The primary key is the order of a user's deleted ICPs.
CREATE TABLE deleted_icp_users (
    user_id text   NOT NULL CHECK (user_id <> ''),
    version bigint NOT NULL,
    icp_id  uuid   NOT NULL,
    PRIMARY KEY (user_id, version, icp_id),
    FOREIGN KEY (icp_id, version) REFERENCES icp_revisions (icp_id, version) ON DELETE CASCADE
);

-- For removing the users of one deleted ICP.
CREATE INDEX deleted_icp_users_by_icp ON deleted_icp_users (icp_id, version);
