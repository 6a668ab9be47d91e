//! Which group has which address: rows with a UNIQUE constraint, written in the transaction that
//! accepts the group, so that two groups can never have one.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use rusqlite::{OptionalExtension as _, Transaction, params};
use wharf_model::{Error, ErrorKind, GroupId, group::Group};

use crate::{AcceptError, Store, StoreError, error::sql};

impl Store {
    /// How many groups can have an address.
    pub fn address_count(&self) -> u64 {
        // Neither the network nor the gateway nor the broadcast is for groups.
        let pool = self.inner.config.pool;
        u64::from(u32::from(pool.broadcast()) - u32::from(pool.network())).saturating_sub(2)
    }

    /// The address of the group with that DNS name (without the installation's suffix).
    pub fn address_of_name(&self, name: &str) -> Result<Option<Ipv4Addr>, StoreError> {
        self.read(|connection| {
            let text = "SELECT address FROM dns_names JOIN addresses USING (group_id)
                        WHERE name = ?";
            let address: Option<u32> = connection
                .prepare_cached(text)
                .and_then(|mut select| select.query_row([name], |row| row.get(0)).optional())
                .map_err(sql("look up a DNS name"))?;
            Ok(address.map(Ipv4Addr::from))
        })
    }

    /// The group that has an address of the pool.
    pub fn group_at(&self, address: Ipv4Addr) -> Result<Option<Group>, StoreError> {
        let select = "SELECT group_id FROM addresses WHERE address = ?";
        let id: Option<String> = self.read(|connection| {
            connection
                .prepare_cached(select)
                .and_then(|mut select| {
                    select.query_row([u32::from(address)], |row| row.get(0)).optional()
                })
                .map_err(sql("look up an address"))
        })?;
        let id = id.as_deref().and_then(GroupId::parse);
        id.map_or(Ok(None), |id| self.group_by_id(&id))
    }

    /// Whether some group's DNS name ends with this one.
    pub fn has_names_below(&self, name: &str) -> Result<bool, StoreError> {
        self.read(|connection| {
            let text = "SELECT EXISTS (SELECT 1 FROM dns_names
                        WHERE substr(name, -length(?1)) = ?1)";
            connection
                .prepare_cached(text)
                .and_then(|mut select| select.query_row([format!(".{name}")], |row| row.get(0)))
                .map_err(sql("look for DNS names"))
        })
    }
}

/// The group's address; the next free one after the latest given when it has none. Going round
/// keeps a freed address unused as long as possible.
pub(crate) fn allocate(
    tx: &Transaction<'_>,
    pool: Ipv4Net,
    id: &GroupId,
) -> Result<Ipv4Addr, AcceptError> {
    let failed = sql("allocate an address");
    if let Some(known) = find(tx, id).map_err(&failed)? {
        return Ok(known);
    }
    // The first address is the network, the second the gateway, the last the broadcast.
    let (first, last) = (u32::from(pool.network()) + 2, u32::from(pool.broadcast()) - 1);
    let latest: Option<String> = tx
        .query_row("SELECT value FROM meta WHERE key = 'latest_address'", [], |row| row.get(0))
        .optional()
        .map_err(&failed)?;
    let latest = latest.and_then(|text| text.parse().ok()).unwrap_or(first - 1);
    let free = free_after(tx, latest.max(first - 1), last)
        .and_then(|free| free.map_or_else(|| free_after(tx, first - 1, last), |f| Ok(Some(f))))
        .map_err(&failed)?;
    let Some(address) = free else {
        return Err(AcceptError::Refused(Error::new(
            ErrorKind::QuotaExceeded,
            "NoAddressAvailable",
            format!("All addresses of the pool {pool} are in use by container groups."),
        )));
    };
    let insert = "INSERT INTO addresses (address, group_id) VALUES (?, ?)";
    tx.execute(insert, params![address, id.as_str()]).map_err(&failed)?;
    let remember = "INSERT INTO meta (key, value) VALUES ('latest_address', ?1)
                    ON CONFLICT (key) DO UPDATE SET value = ?1";
    tx.execute(remember, [address.to_string()]).map_err(&failed)?;
    Ok(Ipv4Addr::from(address))
}

fn find(tx: &Transaction<'_>, id: &GroupId) -> Result<Option<Ipv4Addr>, rusqlite::Error> {
    let select = "SELECT address FROM addresses WHERE group_id = ?";
    let address: Option<u32> = tx.query_row(select, [id.as_str()], |row| row.get(0)).optional()?;
    Ok(address.map(Ipv4Addr::from))
}

/// The first address in `(after, last]` that has no row.
fn free_after(tx: &Transaction<'_>, after: u32, last: u32) -> Result<Option<u32>, rusqlite::Error> {
    if after >= last {
        return Ok(None);
    }
    let mut statement =
        tx.prepare_cached("SELECT address FROM addresses WHERE address > ? ORDER BY address")?;
    let taken = statement.query_map([after], |row| row.get::<_, u32>(0))?;
    let mut candidate = after + 1;
    for address in taken {
        if address? != candidate {
            break;
        }
        candidate += 1;
    }
    Ok((candidate <= last).then_some(candidate))
}
