-- Ports of groups that are also open at the host's own addresses: one group each.
CREATE TABLE host_ports (
    protocol TEXT NOT NULL,
    port     INTEGER NOT NULL,
    group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (protocol, port)
) STRICT;
CREATE INDEX host_ports_by_group ON host_ports (group_id);
