CREATE TABLE signing_keys (
    kid        TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    key        BLOB NOT NULL               -- sealed PKCS #8
) STRICT;

CREATE TABLE principals (
    id           TEXT PRIMARY KEY,         -- object id
    kind         TEXT NOT NULL,
    login_key    TEXT NOT NULL UNIQUE,     -- folded client id or user name
    login        TEXT NOT NULL,
    name         TEXT NOT NULL,
    resource     TEXT,                     -- whose identity it is
    resource_key TEXT UNIQUE,              -- folded
    created_at   INTEGER NOT NULL,
    changed_at   INTEGER NOT NULL          -- of its secrets
) STRICT;

CREATE TABLE secrets (
    id         TEXT PRIMARY KEY,
    principal  TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    hash       TEXT NOT NULL,              -- argon2id as a PHC string; the secret itself is nowhere
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX secrets_by_principal ON secrets (principal);

CREATE TABLE roles (
    id   TEXT PRIMARY KEY,
    role TEXT NOT NULL                     -- custom roles only, JSON
) STRICT;

CREATE TABLE role_assignments (
    id         TEXT PRIMARY KEY,
    principal  TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    role       TEXT NOT NULL,
    scope_key  TEXT NOT NULL,              -- folded
    assignment TEXT NOT NULL,              -- JSON
    UNIQUE (principal, role, scope_key)
) STRICT;

CREATE TABLE activity (
    sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    entry       TEXT NOT NULL              -- JSON
) STRICT;
