-- What each group has reserved of the host: a row from its acceptance until it is stopped, deleted
-- or has ended.
CREATE TABLE reservations (
    group_id     TEXT PRIMARY KEY REFERENCES groups (id) ON DELETE CASCADE,
    cpu_millis   INTEGER NOT NULL,
    memory_bytes INTEGER NOT NULL
) STRICT;
