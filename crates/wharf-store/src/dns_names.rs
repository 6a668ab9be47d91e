//! Which group has which DNS name: rows with a UNIQUE constraint, written in the transaction that
//! accepts the group, so that two groups can never have one (semantics.md §12.2).

use rusqlite::{Transaction, params};
use wharf_model::{Error, GroupId, GroupKey, change::Next, group::Power};

use crate::{AcceptError, error::sql, rows};

/// Gives the group the name that it asks for and takes an earlier one away. A stopped group keeps
/// its name, one that is being deleted loses it at once.
pub(crate) fn assign(tx: &Transaction<'_>, id: &GroupId, next: &Next) -> Result<(), AcceptError> {
    let failed = sql("assign a DNS name");
    tx.execute("DELETE FROM dns_names WHERE group_id = ?", [id.as_str()]).map_err(&failed)?;
    let Some(address) = next.spec.ip_address.as_ref().filter(|_| next.power != Power::Deleted)
    else {
        return Ok(());
    };
    let (Some(name), Some(label)) = (address.dns_name(&next.location), &address.dns_name_label)
    else {
        return Ok(());
    };
    let insert = "INSERT INTO dns_names (name, group_id) VALUES (?, ?) ON CONFLICT DO NOTHING";
    if tx.execute(insert, params![name, id.as_str()]).map_err(&failed)? == 1 {
        return Ok(());
    }
    let key: String = tx
        .query_row("SELECT key FROM groups WHERE id = ?", [id.as_str()], |row| row.get(0))
        .map_err(&failed)?;
    let group = rows::from_json::<GroupKey>("group key", &key)?.name;
    Err(AcceptError::Refused(Error::invalid(
        "DnsNameLabelNotAvailable",
        format!(
            "The DNS name label '{label}' in container group '{group}' not available. Try using a \
             different label."
        ),
        "properties.ipAddress.dnsNameLabel",
    )))
}
