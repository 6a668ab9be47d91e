CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE resource_groups (
    subscription TEXT NOT NULL,            -- folded
    name_key     TEXT NOT NULL,            -- folded
    key          TEXT NOT NULL,            -- JSON, as the user wrote it
    location     TEXT NOT NULL,
    tags         TEXT NOT NULL,
    is_deleting  INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,         -- nanoseconds since 1970, as all times here
    PRIMARY KEY (subscription, name_key)
) STRICT;

CREATE TABLE groups (
    id             TEXT PRIMARY KEY,
    subscription   TEXT NOT NULL,
    resource_group TEXT NOT NULL,
    name_key       TEXT NOT NULL,
    key            TEXT NOT NULL,
    location       TEXT NOT NULL,
    generation     INTEGER NOT NULL,
    power          TEXT NOT NULL,
    spec           BLOB NOT NULL,          -- sealed
    revisions      TEXT NOT NULL,
    document       TEXT NOT NULL,
    tags           TEXT NOT NULL,
    status         TEXT NOT NULL,
    status_boot    TEXT NOT NULL,
    operation      TEXT NOT NULL,
    is_settled     INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    FOREIGN KEY (subscription, resource_group) REFERENCES resource_groups (subscription, name_key)
) STRICT;

-- One live group of a name; groups that are going away do not block it.
CREATE UNIQUE INDEX groups_by_name ON groups (subscription, resource_group, name_key)
    WHERE power <> '"Deleted"';

CREATE TABLE addresses (
    address  INTEGER PRIMARY KEY,          -- IPv4 as a number
    group_id TEXT NOT NULL UNIQUE REFERENCES groups (id) ON DELETE CASCADE
) STRICT;

CREATE TABLE operations (
    id          TEXT PRIMARY KEY,
    group_id    TEXT NOT NULL,             -- the group may be gone
    key         TEXT NOT NULL,
    kind        TEXT NOT NULL,
    generation  INTEGER NOT NULL,
    state       TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE INDEX operations_by_group ON operations (group_id, generation);

CREATE TABLE events (
    group_id  TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    container TEXT NOT NULL,               -- '' for the group as a whole
    reason    TEXT NOT NULL,
    message   TEXT NOT NULL,
    count     INTEGER NOT NULL,
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    PRIMARY KEY (group_id, container, reason, message)
) STRICT, WITHOUT ROWID;
