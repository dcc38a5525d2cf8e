-- The same tables as on PostgreSQL. Ids are the 16 bytes of the UUID, times are milliseconds since 1970 in UTC: both
-- sort as they do there.
CREATE TABLE icps (
    number       INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    version      INTEGER NOT NULL DEFAULT 1 CHECK (version > 0),
    name         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    active_until INTEGER,
    document     TEXT    NOT NULL
) STRICT;

-- `icp_number` is the row's own number, by which SQLite finds it without another index.
CREATE TABLE icp_members (
    user_id    TEXT    NOT NULL CHECK (user_id <> ''),
    created_at INTEGER NOT NULL,
    icp_id     BLOB    NOT NULL,
    icp_number INTEGER NOT NULL REFERENCES icps (number) ON DELETE CASCADE,
    PRIMARY KEY (user_id, created_at, icp_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX icp_members_by_icp ON icp_members (icp_number);
