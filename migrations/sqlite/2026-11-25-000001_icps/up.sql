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
    document     TEXT    NOT NULL
) STRICT;

-- For counting the ICPs of a creator, and their bytes without reading their documents.
CREATE INDEX icps_by_creator ON icps (creator, octet_length(document)) WHERE creator IS NOT NULL;

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
