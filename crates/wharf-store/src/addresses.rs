//! Which group has which address: rows with a UNIQUE constraint, written in the transaction that
//! accepts the group, so that two groups can never have one.

use std::net::Ipv4Addr;

use rusqlite::{OptionalExtension as _, Transaction, params};
use wharf_model::{Error, ErrorKind, GroupId, group::Group, network::Pools, spec::GroupSpec};

use crate::{AcceptError, Store, StoreError, error::sql};

impl Store {
    /// How many groups can have an address.
    pub fn address_count(&self) -> u64 {
        self.inner.config.pools.count()
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

    /// Whether some group has this DNS name, given without the installation's suffix.
    pub fn has_name(&self, name: &str) -> Result<bool, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM dns_names WHERE name = ?1)")
                .and_then(|mut select| select.query_row([name], |row| row.get(0)))
                .map_err(sql("look for a DNS name"))
        })
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

/// The group's address; the one that it asks for, or the next free one after the latest given, when
/// it has none. Going round keeps a freed address unused as long as possible.
pub(crate) fn allocate(
    tx: &Transaction<'_>,
    pools: &Pools,
    id: &GroupId,
    spec: &GroupSpec,
) -> Result<Ipv4Addr, AcceptError> {
    let failed = sql("allocate an address");
    let is_public = spec.subnet.is_none() && spec.ip_address.is_some();
    if let Some(known) = find(tx, id).map_err(&failed)? {
        check_kind(pools, is_public, known)?;
        return Ok(known);
    }
    let wanted = spec.ip_address.as_ref().and_then(|own| own.address).filter(|_| is_public);
    let address = match wanted {
        Some(wanted) => free_one(tx, pools, wanted)?,
        None => next_free(tx, pools, is_public)?,
    };
    let insert = "INSERT INTO addresses (address, group_id) VALUES (?, ?)";
    tx.execute(insert, params![u32::from(address), id.as_str()]).map_err(&failed)?;
    Ok(address)
}

/// A group that gets a public address after all cannot keep one of the other pool.
fn check_kind(pools: &Pools, is_public: bool, known: Ipv4Addr) -> Result<(), AcceptError> {
    let is_private = pools.private.is_some_and(|private| private.contains(&known));
    if !is_public || !is_private {
        return Ok(());
    }
    let message = format!(
        "The container group has the private address {known} and cannot get a public one. Delete it \
         first and then create a new one."
    );
    Err(refused("InvalidContainerGroupUpdate", message, "properties.ipAddress"))
}

fn free_one(
    tx: &Transaction<'_>,
    pools: &Pools,
    wanted: Ipv4Addr,
) -> Result<Ipv4Addr, AcceptError> {
    let target = "properties.ipAddress.ip";
    let (pool, (first, last)) = (pools.public, pools.usable(true));
    if !(first..=last).contains(&wanted) {
        let message = format!(
            "The IP address {wanted} is not one that container groups can have: those are {first} to \
             {last} of the pool {pool}. Leave 'ip' out to get any free one."
        );
        return Err(refused("PublicIPAddressNotInPool", message, target));
    }
    let text = "SELECT 1 FROM addresses WHERE address = ?";
    let taken = tx.query_row(text, [u32::from(wanted)], |_| Ok(())).optional();
    if taken.map_err(sql("look up an address"))?.is_none() {
        return Ok(wanted);
    }
    let message = format!(
        "The IP address {wanted} is in use by another container group. Leave 'ip' out to get any free \
         one."
    );
    Err(refused("PublicIPAddressInUse", message, target))
}

fn next_free(
    tx: &Transaction<'_>,
    pools: &Pools,
    is_public: bool,
) -> Result<Ipv4Addr, AcceptError> {
    let failed = sql("allocate an address");
    let (pool, (first, last)) = (pools.range(is_public), pools.usable(is_public));
    let (first, last) = (u32::from(first), u32::from(last));
    let is_own = is_public && pools.private.is_some();
    let key = if is_own { "latest_public_address" } else { "latest_address" };
    let latest: Option<String> = tx
        .query_row("SELECT value FROM meta WHERE key = ?", [key], |row| row.get(0))
        .optional()
        .map_err(&failed)?;
    let latest: Option<u32> = latest.and_then(|text| text.parse().ok());
    let latest = latest.filter(|latest| (first..=last).contains(latest)).unwrap_or(first - 1);
    let free = free_after(tx, latest, last)
        .and_then(|free| free.map_or_else(|| free_after(tx, first - 1, last), |f| Ok(Some(f))))
        .map_err(&failed)?;
    let Some(address) = free else {
        return Err(AcceptError::Refused(Error::new(
            ErrorKind::QuotaExceeded,
            "NoAddressAvailable",
            format!("All addresses of the pool {pool} are in use by container groups."),
        )));
    };
    let remember = "INSERT INTO meta (key, value) VALUES (?1, ?2)
                    ON CONFLICT (key) DO UPDATE SET value = ?2";
    tx.execute(remember, [key, &address.to_string()]).map_err(&failed)?;
    Ok(Ipv4Addr::from(address))
}

fn refused(code: &'static str, message: String, target: &'static str) -> AcceptError {
    AcceptError::Refused(Error::invalid(code, message, target))
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
