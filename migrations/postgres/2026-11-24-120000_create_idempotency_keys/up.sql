-- Versions start from the time: an ICP that is deleted and comes back by an import goes on above what it had, as long as
-- nobody changes an ICP more often than once in a microsecond.
ALTER TABLE icps ALTER COLUMN version SET DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;

-- What came of a create that may be repeated: its first answer, which is given again. Not bound to `icps`: the answer
-- stays the same when the ICP is changed or deleted.
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

-- For removing old ones.
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
