//! Which group has which port of the host's own addresses, when ports are published there: rows with
//! a UNIQUE constraint, written in the transaction that accepts the group.

use rusqlite::{OptionalExtension as _, Transaction, params};
use wharf_model::{
    Error, ErrorKind, GroupId, GroupKey,
    group::Power,
    spec::{GroupSpec, Port, Protocol},
};

use crate::{AcceptError, Store, StoreError, error::sql, groups, rows};

fn protocol(port: Port) -> &'static str {
    match port.protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    }
}

/// The ports of a group that are published.
fn published(spec: &GroupSpec) -> impl Iterator<Item = Port> + use<'_> {
    let public = spec.ip_address.as_ref().filter(|_| spec.subnet.is_none());
    public.into_iter().flat_map(|address| address.ports.iter().copied())
}

impl Store {
    /// Notes the ports of all groups, or of none, as the settings have become.
    pub(crate) fn renew_host_ports(&self) -> Result<(), StoreError> {
        let is_on = self.inner.config.publishes_ports;
        let ids = if is_on { self.group_ids()? } else { Vec::new() };
        self.transact("note published ports", |tx| {
            tx.execute("DELETE FROM host_ports", []).map_err(sql("forget published ports"))?;
            for id in ids {
                let group = groups::find_by_id(tx, &self.inner.config.key, &id)?;
                let Some(group) = group.filter(|group| group.power != Power::Deleted) else {
                    continue;
                };
                if let Some((port, first)) = insert(tx, &id, &group.spec)? {
                    return Err(StoreError::PublishedTwice {
                        port: format!("{} ({})", port.port, protocol(port)),
                        first: first.to_string(),
                        second: group.key.to_string(),
                    });
                }
            }
            Ok(())
        })
    }
}

/// Gives the group the ports that it declares and takes earlier ones away. A stopped group keeps
/// its ports, one that is being deleted loses them at once.
pub(crate) fn assign(
    tx: &Transaction<'_>,
    id: &GroupId,
    (spec, power): (&GroupSpec, Power),
) -> Result<(), AcceptError> {
    let delete = "DELETE FROM host_ports WHERE group_id = ?";
    tx.execute(delete, [id.as_str()]).map_err(sql("free published ports"))?;
    if power == Power::Deleted {
        return Ok(());
    }
    let Some((port, other)) = insert(tx, id, spec)? else { return Ok(()) };
    let message = format!(
        "The port {} with protocol {} is published at this host's own address for container group \
         '{}' in resource group '{}'. Use another port or delete that group first.",
        port.port,
        protocol(port),
        other.name,
        other.resource_group.name
    );
    let error = Error::new(ErrorKind::Conflict, "HostPortInUse", message);
    Err(AcceptError::Refused(error.at("properties.ipAddress.ports")))
}

/// Tells the first port that another group has, with that group.
fn insert(
    tx: &Transaction<'_>,
    id: &GroupId,
    spec: &GroupSpec,
) -> Result<Option<(Port, GroupKey)>, StoreError> {
    let failed = sql("note a published port");
    for port in published(spec) {
        let text = "INSERT INTO host_ports VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
        let row = params![protocol(port), port.port, id.as_str()];
        if tx.execute(text, row).map_err(&failed)? == 1 {
            continue;
        }
        let text = "SELECT key FROM groups JOIN host_ports ON group_id = groups.id
                    WHERE protocol = ? AND port = ?";
        let key: Option<String> = tx
            .query_row(text, params![protocol(port), port.port], |row| row.get(0))
            .optional()
            .map_err(&failed)?;
        if let Some(key) = key {
            return Ok(Some((port, rows::from_json("group key", &key)?)));
        }
    }
    Ok(None)
}
