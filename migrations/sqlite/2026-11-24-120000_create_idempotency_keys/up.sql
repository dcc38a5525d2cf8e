-- What came of a create that may be repeated: its first answer, which is given again. Not bound to `icps`: the answer
-- stays the same when the ICP is changed or deleted.
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

-- For removing old ones.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
