-- DNS names of groups without the installation's suffix: a name has one group at a time.
CREATE TABLE dns_names (
    name     TEXT PRIMARY KEY,
    group_id TEXT NOT NULL UNIQUE REFERENCES groups (id) ON DELETE CASCADE
) STRICT;
