-- An ICP in its wire form, next to what is filtered and sorted by. `document` is text and not jsonb: it is served
-- as it is, and jsonb would be rendered anew on each read and would change what was written.
CREATE TABLE icps (
    id           uuid        PRIMARY KEY,
    version      bigint      NOT NULL DEFAULT 1 CHECK (version > 0),
    name         text        NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    active_until timestamptz,
    document     text        NOT NULL
);

-- Who may see what. The primary key is the order of a user's list, so that the list is one walk along the index.
CREATE TABLE icp_members (
    user_id    text        NOT NULL CHECK (user_id <> ''),
    created_at timestamptz NOT NULL,
    icp_id     uuid        NOT NULL REFERENCES icps (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, created_at, icp_id)
);

-- For changing and deleting one ICP's members.
CREATE INDEX icp_members_by_icp ON icp_members (icp_id);
