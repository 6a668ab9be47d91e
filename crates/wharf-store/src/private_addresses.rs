//! Which group has which address in which virtual network, written in the transaction that accepts
//! the group.

use std::net::Ipv4Addr;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use wharf_model::{
    Error, ErrorKind, GroupId, ResourceKey,
    network::{Direction, PrivateAddress, Subnet, SubnetKey, VirtualNetwork},
    spec::GroupSpec,
};

use crate::{
    AcceptError, SealKey, Store, StoreError,
    error::sql,
    resource_groups, resources,
    virtual_networks::{network_of, security_group_of},
};

/// How many virtual networks with groups there can be: what the marks of packets have room for.
const NUMBERS: u32 = 4095;
/// What clients must have said of a subnet before container groups can be in it.
const DELEGATION: &str = "Microsoft.ContainerInstance/containerGroups";

impl Store {
    /// The groups that are in virtual networks.
    pub fn groups_in_networks(&self) -> Result<Vec<GroupId>, StoreError> {
        self.read(|connection| {
            let failed = sql("list groups in virtual networks");
            let mut select = connection
                .prepare_cached("SELECT group_id FROM private_addresses")
                .map_err(&failed)?;
            let rows = select.query_map([], |row| row.get::<_, String>(0)).map_err(&failed)?;
            let ids: Vec<String> = rows.collect::<Result<_, _>>().map_err(&failed)?;
            Ok(ids.iter().filter_map(|id| GroupId::parse(id)).collect())
        })
    }

    /// The address of a running group of that name in the virtual network of the group that asks,
    /// which is known by its address of the pool. Of several the one in the same resource group
    /// comes first, then the oldest.
    pub fn neighbour(&self, asker: Ipv4Addr, name: &str) -> Result<Option<Ipv4Addr>, StoreError> {
        self.read(|connection| {
            let text = r#"SELECT other.address FROM addresses
                JOIN private_addresses AS own USING (group_id)
                JOIN groups AS home ON home.id = own.group_id
                JOIN private_addresses AS other ON other.network = own.network
                JOIN groups ON groups.id = other.group_id
                WHERE addresses.address = ? AND groups.name_key = ? AND groups.power = '"Running"'
                ORDER BY groups.resource_group <> home.resource_group, groups.created_at LIMIT 1"#;
            let address: Option<u32> = connection
                .prepare_cached(text)
                .and_then(|mut select| {
                    select.query_row(params![u32::from(asker), name], |row| row.get(0)).optional()
                })
                .map_err(sql("look up a name in a virtual network"))?;
            Ok(address.map(Ipv4Addr::from))
        })
    }
}

/// Gives a group an address of the subnet that it asks for, which it keeps as long as it asks for
/// that one; and takes one away that it does not ask for any more.
pub(crate) fn allocate(
    tx: &Transaction<'_>,
    seal: &SealKey,
    id: &GroupId,
    spec: &GroupSpec,
) -> Result<(), AcceptError> {
    let failed = sql("allocate an address of a subnet");
    let Some(wanted) = &spec.subnet else { return Ok(remove(tx, id)?) };
    let present: Option<(u16, String)> = tx
        .prepare_cached("SELECT network, subnet FROM private_addresses WHERE group_id = ?")
        .and_then(|mut select| {
            select.query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .map_err(&failed)?;
    let number = number_of(tx, &wanted.network)?;
    if let (Some((network, subnet)), Some(number)) = (&present, number)
        && *network == number
        && *subnet == wanted.name.folded()
    {
        return Ok(());
    }
    remove(tx, id)?;
    let subnet = usable_subnet(tx, seal, wanted)?;
    let number = match number {
        Some(number) => number,
        None => new_number(tx, &wanted.network)?,
    };
    let asked = spec.ip_address.as_ref().and_then(|own| own.address);
    let address = if let Some(address) = asked {
        free_one(tx, number, &subnet, address)?
    } else {
        let (first, last) = subnet.usable();
        let free = free_in(tx, number, u32::from(first), u32::from(last)).map_err(&failed)?;
        free.ok_or_else(|| AcceptError::Refused(full(&subnet)))?
    };
    tx.prepare_cached("INSERT INTO private_addresses VALUES (?, ?, ?, ?)")
        .and_then(|mut insert| {
            insert.execute(params![id.as_str(), number, wanted.name.folded(), address])
        })
        .map_err(&failed)?;
    Ok(())
}

fn remove(tx: &Transaction<'_>, id: &GroupId) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM private_addresses WHERE group_id = ?")
        .and_then(|mut delete| delete.execute([id.as_str()]))
        .map(drop)
        .map_err(sql("free an address of a subnet"))
}

/// The subnet, if container groups may be in it.
fn usable_subnet(
    tx: &Transaction<'_>,
    seal: &SealKey,
    wanted: &SubnetKey,
) -> Result<Subnet, AcceptError> {
    let refused = |code, message: String| {
        AcceptError::Refused(Error::invalid(code, message, "properties.subnetIds"))
    };
    let (network, subnet) = (&wanted.network.name, &wanted.name);
    let home = &wanted.network.resource_group;
    if resource_groups::find(tx, home)?.is_some_and(|home| home.is_deleting) {
        return Err(AcceptError::Refused(resource_groups::being_deleted(home)));
    }
    let found = resources::find(tx, seal, &wanted.network)?;
    let found = found.as_ref().map(network_of).transpose()?;
    let found = found.as_ref().and_then(|found: &VirtualNetwork| found.subnet(subnet));
    let found = found.cloned().ok_or_else(|| {
        let message = format!(
            "The subnet '{subnet}' of virtual network '{network}' in resource group '{}' was not \
             found. Please make sure that the referenced resource exists.",
            home.name
        );
        refused("InvalidResourceReference", message)
    })?;
    if found.is_delegated {
        return Ok(found);
    }
    let message = format!(
        "Subnet '{subnet}' of virtual network '{network}' requires the delegation [{DELEGATION}] \
         before container groups can be in it."
    );
    Err(refused("SubnetMissingRequiredDelegation", message))
}

fn full(subnet: &Subnet) -> Error {
    Error::new(
        ErrorKind::QuotaExceeded,
        "SubnetIsFull",
        format!(
            "Subnet {} with address prefix {} does not have enough capacity for 1 IP addresses.",
            subnet.name, subnet.range
        ),
    )
    .at("properties.subnetIds")
}

/// The number of a virtual network, if groups were ever in it.
pub(crate) fn number_of(
    connection: &Connection,
    key: &ResourceKey,
) -> Result<Option<u16>, StoreError> {
    connection
        .prepare_cached(
            "SELECT number FROM networks WHERE subscription = ? AND resource_group = ?
             AND type_key = ? AND name_key = ?",
        )
        .and_then(|mut select| {
            select.query_row(resources::folded(key), |row| row.get(0)).optional()
        })
        .map_err(sql("look up the number of a virtual network"))
}

fn new_number(tx: &Transaction<'_>, key: &ResourceKey) -> Result<u16, AcceptError> {
    let failed = sql("number a virtual network");
    let text = "SELECT min(number) FROM (SELECT 1 AS number UNION SELECT number + 1 FROM networks)
                WHERE number NOT IN (SELECT number FROM networks) AND number <= ?";
    let free: Option<u16> = tx.query_row(text, [NUMBERS], |row| row.get(0)).map_err(&failed)?;
    let Some(number) = free else {
        let message = format!("{NUMBERS} virtual networks have container groups; no more can.");
        let error =
            Error::new(ErrorKind::QuotaExceeded, "VirtualNetworkCountLimitReached", message);
        return Err(AcceptError::Refused(error));
    };
    let [subscription, resource_group, kind, name] = resources::folded(key);
    tx.execute(
        "INSERT INTO networks VALUES (?, ?, ?, ?, ?)",
        params![number, subscription, resource_group, kind, name],
    )
    .map_err(&failed)?;
    Ok(number)
}

/// The address that is asked for, if it is free.
fn free_one(
    tx: &Transaction<'_>,
    network: u16,
    subnet: &Subnet,
    wanted: Ipv4Addr,
) -> Result<u32, AcceptError> {
    let refused = |code, message: String| {
        Err(AcceptError::Refused(Error::invalid(code, message, "properties.ipAddress.ip")))
    };
    let (range, (first, last)) = (subnet.range, subnet.usable());
    if !range.contains(&wanted) {
        let message = format!(
            "Static IP address {wanted} does not belong to the range of subnet prefix {range}."
        );
        return refused("PrivateIPAddressNotInSubnet", message);
    }
    if !(first..=last).contains(&wanted) {
        let message = format!(
            "Private static IP address {wanted} falls within reserved IP range of subnet prefix \
             {range}."
        );
        return refused("PrivateIPAddressInReservedRange", message);
    }
    let text = "SELECT 1 FROM private_addresses WHERE network = ? AND address = ?";
    let taken = tx.query_row(text, params![network, u32::from(wanted)], |_| Ok(())).optional();
    if taken.map_err(sql("look up an address of a subnet"))?.is_none() {
        return Ok(wanted.into());
    }
    let message = format!("The private IP address {wanted} is in use by another container group.");
    refused("PrivateIPAddressIsAllocated", message)
}

/// The first address of a range that no group has.
fn free_in(
    tx: &Transaction<'_>,
    network: u16,
    first: u32,
    last: u32,
) -> Result<Option<u32>, rusqlite::Error> {
    let mut select = tx.prepare_cached(
        "SELECT address FROM private_addresses WHERE network = ? AND address BETWEEN ? AND ?
         ORDER BY address",
    )?;
    let taken = select.query_map(params![network, first, last], |row| row.get::<_, u32>(0))?;
    let mut candidate = first;
    for address in taken {
        if address? != candidate {
            break;
        }
        candidate += 1;
    }
    Ok((candidate <= last).then_some(candidate))
}

/// A group's place with what guards it, as the backend is to make it.
pub(crate) fn find(
    connection: &Connection,
    seal: &SealKey,
    id: &GroupId,
    subnet: Option<&SubnetKey>,
) -> Result<Option<PrivateAddress>, StoreError> {
    let Some(subnet) = subnet else { return Ok(None) };
    let row: Option<(u32, u16)> = connection
        .prepare_cached("SELECT address, network FROM private_addresses WHERE group_id = ?")
        .and_then(|mut select| {
            select.query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .map_err(sql("look up an address of a subnet"))?;
    let Some((address, number)) = row else { return Ok(None) };
    let network = resources::find(connection, seal, &subnet.network)?;
    let network = network.as_ref().map(network_of).transpose()?;
    let ranges = network.as_ref().map(|network| network.ranges.clone()).unwrap_or_default();
    let guard = network.as_ref().and_then(|network| network.subnet(&subnet.name));
    let guard = match guard.and_then(|subnet| subnet.security_group.as_ref()) {
        Some(key) => resources::find(connection, seal, key)?,
        None => None,
    };
    let guard = guard.as_ref().map(security_group_of).transpose()?;
    let rules = |direction| guard.as_ref().map(|guard| guard.rules_of(direction));
    Ok(Some(PrivateAddress {
        address: Ipv4Addr::from(address),
        network: number,
        ranges,
        inbound: rules(Direction::Inbound),
        outbound: rules(Direction::Outbound),
    }))
}
