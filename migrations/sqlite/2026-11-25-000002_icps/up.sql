-- An ICP in wire form, and the columns by which lists are filtered and sorted. The tables are the same as on PostgreSQL.
-- An ID is the 16 bytes of its UUID. A time is in milliseconds since 1970 (UTC). Both sort as they do there.
-- `document` is the last column: SQLite reads a row from its start, and a long document would delay all columns after it.
CREATE TABLE icps (
    number       INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    version      INTEGER NOT NULL CHECK (version > 0),
    name         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    active_until INTEGER,
    name_folded  TEXT    NOT NULL,
    providers    TEXT    NOT NULL,
    -- The user who created the ICP, for quotas. NULL: imported.
    creator      TEXT,
    -- The change that produced this state. `changed` is a JSON array of property names.
    changed_at   INTEGER NOT NULL,
    changed_by   TEXT,
    actor        TEXT,
    source       TEXT    NOT NULL,
    operation    TEXT    NOT NULL,
    changed      TEXT    NOT NULL,
    -- The total size of its revisions in bytes. A change reads it for the quota.
    history_bytes INTEGER NOT NULL DEFAULT 0,
    document     TEXT    NOT NULL
) STRICT;

-- For the quota of a creator: the number and the size of the ICPs, without their documents.
CREATE INDEX icps_by_creator ON icps (creator, octet_length(document), history_bytes) WHERE creator IS NOT NULL;

-- The users of each ICP. The primary key is the order of a user's list. `icp_number` is the row number of the ICP, which
-- SQLite finds without another index.
CREATE TABLE icp_members (
    user_id    TEXT    NOT NULL CHECK (user_id <> ''),
    created_at INTEGER NOT NULL,
    icp_id     BLOB    NOT NULL CHECK (length(icp_id) = 16),
    icp_number INTEGER NOT NULL REFERENCES icps (number) ON DELETE CASCADE,
    PRIMARY KEY (user_id, created_at, icp_id)
) STRICT, WITHOUT ROWID;

-- For changes of the users of one ICP.
CREATE INDEX icp_members_by_icp ON icp_members (icp_number);

-- The result of each create that had an idempotency key, for the response to a repeated request. There is no foreign key to
-- `icps`, because the response stays the same when the ICP is changed or deleted.
CREATE TABLE idempotency_keys (
    user_id     TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    icp_id      BLOB    NOT NULL,
    version     INTEGER NOT NULL,
    document    TEXT    NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT;

-- For the removal of expired keys.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- The replaced states of ICPs, with the changes that produced them. There is no foreign key to `icps`, because the history
-- of a deleted ICP remains and continues after a restore. A delete is a row too, without a document: its document is that of
-- the row before it.
CREATE TABLE icp_revisions (
    number      INTEGER PRIMARY KEY,
    icp_id      BLOB    NOT NULL CHECK (length(icp_id) = 16),
    version     INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL,
    changed_by  TEXT,
    actor       TEXT,
    source      TEXT    NOT NULL,
    operation   TEXT    NOT NULL,
    changed     TEXT    NOT NULL,
    -- For a delete, the time of the delete: it is removed together with the state that it deleted.
    replaced_at INTEGER NOT NULL,
    -- Only for the delete of an ICP that is still deleted: its creator, and the total size of its revisions in bytes.
    is_deleted  INTEGER NOT NULL DEFAULT 0,
    creator     TEXT,
    bytes       INTEGER NOT NULL DEFAULT 0,
    document    TEXT,
    UNIQUE (icp_id, version)
) STRICT;

-- For the removal of old revisions.
CREATE INDEX icp_revisions_by_age ON icp_revisions (replaced_at);

-- For an admin's list of deleted ICPs, and for the quota of a creator's deleted ICPs.
CREATE INDEX icp_revisions_deleted ON icp_revisions (version, icp_id) WHERE is_deleted;
CREATE INDEX icp_revisions_by_creator ON icp_revisions (creator, bytes) WHERE creator IS NOT NULL;

-- The users of each deleted ICP at the time of the delete. The primary key is the order of a user's list of deleted ICPs.
CREATE TABLE deleted_icp_users (
    user_id TEXT    NOT NULL CHECK (user_id <> ''),
    version INTEGER NOT NULL,
    icp_id  BLOB    NOT NULL,
    PRIMARY KEY (user_id, version, icp_id),
    FOREIGN KEY (icp_id, version) REFERENCES icp_revisions (icp_id, version) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- For the removal of the users of one deleted ICP.
CREATE INDEX deleted_icp_users_by_icp ON deleted_icp_users (icp_id, version);
