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
    creator      text
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
