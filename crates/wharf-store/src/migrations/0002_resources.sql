-- Resources of which the store knows nothing but that they are some: identities, profiles,
-- deployments.
CREATE TABLE resources (
    subscription   TEXT NOT NULL,          -- folded, as the next three
    resource_group TEXT NOT NULL,
    type_key       TEXT NOT NULL,          -- 'microsoft.managedidentity/userassignedidentities'
    name_key       TEXT NOT NULL,          -- 'parent/child' for the resource of a resource
    key            TEXT NOT NULL,          -- JSON, as the user wrote it
    location       TEXT NOT NULL,
    tags           TEXT NOT NULL,
    document       TEXT NOT NULL,
    secret         BLOB,                   -- sealed
    created_at     INTEGER NOT NULL,
    changed_at     INTEGER NOT NULL,
    PRIMARY KEY (subscription, resource_group, type_key, name_key),
    FOREIGN KEY (subscription, resource_group)
        REFERENCES resource_groups (subscription, name_key) ON DELETE CASCADE
) STRICT;
