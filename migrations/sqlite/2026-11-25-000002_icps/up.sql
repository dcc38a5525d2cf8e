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
    -- The user who created the ICP, by whom it counts; NULL if it was imported.
    creator      TEXT,
    -- The change that made this state, as its history shows it. `changed` is a JSON array of names.
    changed_at   INTEGER NOT NULL,
    changed_by   TEXT,
    actor        TEXT,
    source       TEXT    NOT NULL,
    operation    TEXT    NOT NULL,
    changed      TEXT    NOT NULL,
    -- The bytes of its revisions, so that no change has to add them up.
    history_bytes INTEGER NOT NULL DEFAULT 0,
    document     TEXT    NOT NULL
) STRICT;

-- For counting the ICPs of a creator, and their bytes without reading their documents.
CREATE INDEX icps_by_creator ON icps (creator, octet_length(document), history_bytes) WHERE creator IS NOT NULL;

-- Which ICPs a user's list contains. The primary key is the order of the list. `icp_number` is the row number of the ICP,
-- which SQLite finds without another index.
CREATE TABLE icp_members (
    user_id    TEXT    NOT NULL CHECK (user_id <> ''),
    created_at INTEGER NOT NULL,
    icp_id     BLOB    NOT NULL CHECK (length(icp_id) = 16),
    icp_number INTEGER NOT NULL REFERENCES icps (number) ON DELETE CASCADE,
    PRIMARY KEY (user_id, created_at, icp_id)
) STRICT, WITHOUT ROWID;

-- For deleting the users of one ICP.
CREATE INDEX icp_members_by_icp ON icp_members (icp_number);

-- The result of each create that had an idempotency key, for the response to a repeated request. It does not refer to
-- `icps`: the response stays the same when the ICP is changed or deleted.
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

-- For removing expired keys.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- The states of ICPs that were replaced, with the changes that made them. It does not refer to `icps`: the history stays
-- when the ICP is deleted, and goes on when it is restored. A delete is a row too, above the state that it deleted. It has no
-- document: its document is that of the row before it.
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
    -- Of a delete: when it was made, so that it is removed with the state that it deleted.
    replaced_at INTEGER NOT NULL,
    -- For a delete, as long as the ICP is deleted: its creator, and the bytes of its revisions.
    is_deleted  INTEGER NOT NULL DEFAULT 0,
    creator     TEXT,
    bytes       INTEGER NOT NULL DEFAULT 0,
    document    TEXT,
    UNIQUE (icp_id, version)
) STRICT;

-- For removing old revisions.
CREATE INDEX icp_revisions_by_age ON icp_revisions (replaced_at);

-- For the deleted ICPs that an admin sees, and for the deleted ICPs of a creator.
CREATE INDEX icp_revisions_deleted ON icp_revisions (version, icp_id) WHERE is_deleted;
CREATE INDEX icp_revisions_by_creator ON icp_revisions (creator, bytes) WHERE creator IS NOT NULL;

-- Who could access the deleted ICPs when they were deleted. The primary key is the order of a user's deleted ICPs.
CREATE TABLE deleted_icp_users (
    user_id TEXT    NOT NULL CHECK (user_id <> ''),
    version INTEGER NOT NULL,
    icp_id  BLOB    NOT NULL,
    PRIMARY KEY (user_id, version, icp_id),
    FOREIGN KEY (icp_id, version) REFERENCES icp_revisions (icp_id, version) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- For removing the users of one deleted ICP.
CREATE INDEX deleted_icp_users_by_icp ON deleted_icp_users (icp_id, version);
