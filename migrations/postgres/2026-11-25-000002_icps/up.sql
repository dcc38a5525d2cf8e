-- An ICP in wire form, and the columns by which lists are filtered and sorted. `document` is text: the service sends it as it
-- is stored. PostgreSQL would render jsonb again for each read, and would change the stored text.
CREATE TABLE icps (
    id           uuid        PRIMARY KEY,
    -- Versions start at the current time in microseconds: an import of a deleted ICP then gets a higher version than any
    -- before, if no ICP changes more than once per microsecond.
    version      bigint      NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint CHECK (version > 0),
    name         text        NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    active_until timestamptz,
    document     text        NOT NULL,
    -- Computed by the service, because SQL functions fold case differently.
    name_folded  text        COLLATE "C" NOT NULL,
    providers    text        NOT NULL,
    -- The user who created the ICP, for quotas. NULL: imported.
    creator      text,
    -- The change that produced this state. `changed` is a JSON array of property names.
    changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by   text,
    actor        text,
    source       text        NOT NULL DEFAULT 'import',
    operation    text        NOT NULL DEFAULT 'create',
    changed      text        NOT NULL DEFAULT '[]',
    -- The total size of its revisions in bytes. A change reads it for the quota.
    history_bytes bigint     NOT NULL DEFAULT 0
);

-- For the quota of a creator.
CREATE INDEX icps_by_creator ON icps (creator) WHERE creator IS NOT NULL;

-- The users of each ICP. The primary key is the order of a user's list, so that one index scan returns the list.
CREATE TABLE icp_members (
    user_id    text        NOT NULL CHECK (user_id <> ''),
    created_at timestamptz NOT NULL,
    icp_id     uuid        NOT NULL REFERENCES icps (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, created_at, icp_id)
);

-- For changes of the users of one ICP.
CREATE INDEX icp_members_by_icp ON icp_members (icp_id);

-- The result of each create that had an idempotency key, for the response to a repeated request. There is no foreign key to
-- `icps`, because the response stays the same when the ICP is changed or deleted.
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

-- For the removal of expired keys.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- The replaced states of ICPs, with the changes that produced them. There is no foreign key to `icps`, because the history
-- of a deleted ICP remains and continues after a restore. A delete is a row too, without a document: its document is that of
-- the row before it.
CREATE TABLE icp_revisions (
    icp_id      uuid        NOT NULL,
    version     bigint      NOT NULL,
    changed_at  timestamptz NOT NULL,
    changed_by  text,
    actor       text,
    source      text        NOT NULL,
    operation   text        NOT NULL,
    changed     text        NOT NULL,
    -- For a delete, the time of the delete: it is removed together with the state that it deleted.
    replaced_at timestamptz NOT NULL,
    -- Only for the delete of an ICP that is still deleted: its creator, and the total size of its revisions in bytes.
    is_deleted  boolean     NOT NULL DEFAULT false,
    creator     text,
    bytes       bigint      NOT NULL DEFAULT 0,
    document    text,
    PRIMARY KEY (icp_id, version)
);

-- For the removal of old revisions.
CREATE INDEX icp_revisions_by_age ON icp_revisions (replaced_at);

-- For an admin's list of deleted ICPs, and for the quota of a creator's deleted ICPs.
CREATE INDEX icp_revisions_deleted ON icp_revisions (version, icp_id) WHERE is_deleted;
CREATE INDEX icp_revisions_by_creator ON icp_revisions (creator) WHERE creator IS NOT NULL;

-- The users of each deleted ICP at the time of the delete. The primary key is the order of a user's list of deleted ICPs.
CREATE TABLE deleted_icp_users (
    user_id text   NOT NULL CHECK (user_id <> ''),
    version bigint NOT NULL,
    icp_id  uuid   NOT NULL,
    PRIMARY KEY (user_id, version, icp_id),
    FOREIGN KEY (icp_id, version) REFERENCES icp_revisions (icp_id, version) ON DELETE CASCADE
);

-- For the removal of the users of one deleted ICP.
CREATE INDEX deleted_icp_users_by_icp ON deleted_icp_users (icp_id, version);
