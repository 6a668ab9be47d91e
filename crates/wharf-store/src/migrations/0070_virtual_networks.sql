-- The number that a virtual network has in the kernel, from the time that a group is first in it.
CREATE TABLE networks (
    number         INTEGER PRIMARY KEY,
    subscription   TEXT NOT NULL,
    resource_group TEXT NOT NULL,
    type_key       TEXT NOT NULL,
    name_key       TEXT NOT NULL,
    UNIQUE (subscription, resource_group, type_key, name_key),
    FOREIGN KEY (subscription, resource_group, type_key, name_key)
        REFERENCES resources (subscription, resource_group, type_key, name_key) ON DELETE CASCADE
) STRICT;

-- Addresses in virtual networks: a network has each of its addresses once.
CREATE TABLE private_addresses (
    group_id TEXT PRIMARY KEY REFERENCES groups (id) ON DELETE CASCADE,
    network  INTEGER NOT NULL REFERENCES networks (number),
    subnet   TEXT NOT NULL,                -- folded
    address  INTEGER NOT NULL,             -- IPv4 as a number
    UNIQUE (network, address)
) STRICT;
