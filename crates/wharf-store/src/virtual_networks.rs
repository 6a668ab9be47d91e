//! Virtual networks and network security groups: plain resources whose documents the store does
//! look into, since groups have addresses of one and are guarded by the other.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use wharf_model::{
    Error, GroupKey, Name, ResourceGroupKey, ResourceKey,
    network::{SecurityGroup, SubnetKey, Use, VirtualNetwork},
};

use crate::{
    AcceptError, Filter, Resource, ResourceContent, ResourceFilter, SealKey, Store, StoreError,
    error::sql, private_addresses, resources, rows,
};

/// The type of a virtual network.
const VIRTUAL_NETWORK: &str = "Microsoft.Network/virtualNetworks";

/// What a decision about a virtual network has to know besides it.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The groups that have an address of it.
    pub uses: Vec<Use>,
    connection: &'a Connection,
    seal: &'a SealKey,
}

impl Surroundings<'_> {
    /// Whether a resource is there.
    pub fn has(&self, key: &ResourceKey) -> Result<bool, Error> {
        resources::find(self.connection, self.seal, key)
            .map(|found| found.is_some())
            .map_err(|error| Error::internal(wharf_model::error::chain(&error)))
    }
}

/// What a resource says that is a virtual network.
pub(crate) fn network_of(resource: &Resource) -> Result<VirtualNetwork, StoreError> {
    rows::from_json("virtual network", &resource.content.document)
}

/// What a resource says that is a network security group.
pub(crate) fn security_group_of(resource: &Resource) -> Result<SecurityGroup, StoreError> {
    rows::from_json("network security group", &resource.content.document)
}

impl Resource {
    /// Its document, when it is a virtual network.
    pub fn virtual_network(&self) -> Result<VirtualNetwork, StoreError> {
        network_of(self)
    }

    /// Its document, when it is a network security group.
    pub fn security_group(&self) -> Result<SecurityGroup, StoreError> {
        security_group_of(self)
    }
}

impl Store {
    /// [`Store::change_resource`] for a virtual network: whoever decides knows who is in it.
    pub fn change_virtual_network(
        &self,
        now: Timestamp,
        key: &ResourceKey,
        decide: impl FnOnce(Option<&Resource>, &Surroundings<'_>) -> Result<ResourceContent, Error>,
    ) -> Result<(Resource, bool), AcceptError> {
        let seal = &self.inner.config.key;
        self.transact("change a virtual network", |tx| {
            let around = Surroundings { uses: uses(tx, key)?, connection: tx, seal };
            let decide = |current: Option<&Resource>| decide(current, &around).map(Some);
            resources::change(tx, seal, now, key, decide)
        })
    }

    /// Deletes a virtual network that no group is in; returns it as it was, or `None` when it was
    /// not there.
    pub fn delete_virtual_network(
        &self,
        key: &ResourceKey,
    ) -> Result<Option<Resource>, AcceptError> {
        self.transact("delete a virtual network", |tx| match uses(tx, key)?.first() {
            Some(used) => Err(AcceptError::Refused(used.refusal())),
            None => Ok(resources::delete(tx, &self.inner.config.key, key)?),
        })
    }

    /// Deletes a network security group, unless it guards a subnet: then `refusal` says why not.
    /// Returns it as it was, or `None` when it was not there.
    pub fn delete_security_group(
        &self,
        key: &ResourceKey,
        refusal: impl FnOnce(&SubnetKey) -> Error,
    ) -> Result<Option<Resource>, AcceptError> {
        let seal = &self.inner.config.key;
        self.transact("delete a network security group", |tx| {
            match guarded_by(tx, seal, key)?.first() {
                Some(subnet) => Err(AcceptError::Refused(refusal(subnet))),
                None => Ok(resources::delete(tx, seal, key)?),
            }
        })
    }

    /// The subnets that a network security group guards.
    pub fn subnets_guarded_by(&self, key: &ResourceKey) -> Result<Vec<SubnetKey>, StoreError> {
        self.read(|connection| guarded_by(connection, &self.inner.config.key, key))
    }
}

/// Why a resource group cannot be deleted: something of others depends on what is in it.
pub(crate) fn check_home_is_free(
    connection: &Connection,
    seal: &SealKey,
    home: &ResourceGroupKey,
) -> Result<(), AcceptError> {
    let all = ResourceFilter {
        scope: Filter::Subscription(home.subscription.clone()),
        kind: Some(Name::from(VIRTUAL_NETWORK)),
    };
    for network in resources::list(connection, seal, &all)? {
        if network.key.resource_group == *home {
            let uses = uses(connection, &network.key)?;
            if let Some(used) = uses.iter().find(|used| used.group.resource_group != *home) {
                return Err(AcceptError::Refused(used.refusal()));
            }
            continue;
        }
        for subnet in network_of(&network)?.subnets {
            let guard = subnet.security_group;
            if let Some(guard) = guard.filter(|guard| guard.resource_group == *home) {
                let message = format!(
                    "Network security group '{}' cannot be deleted because it is in use by subnet \
                     '{}' of virtual network '{}' in resource group '{}'.",
                    guard.name, subnet.name, network.key.name, network.key.resource_group.name
                );
                let code = "InUseNetworkSecurityGroupCannotBeDeleted";
                return Err(AcceptError::Refused(Error::invalid(code, message, "name")));
            }
        }
    }
    Ok(())
}

/// The groups in a virtual network, oldest address first.
fn uses(connection: &Connection, key: &ResourceKey) -> Result<Vec<Use>, StoreError> {
    let failed = sql("list the groups of a virtual network");
    let Some(number) = private_addresses::number_of(connection, key)? else {
        return Ok(Vec::new());
    };
    let mut select = connection
        .prepare_cached(
            "SELECT subnet, key FROM private_addresses JOIN groups ON groups.id = group_id
             WHERE network = ? ORDER BY address",
        )
        .map_err(&failed)?;
    let rows: Vec<(String, String)> = select
        .query_map(params![number], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(&failed)?;
    rows.into_iter()
        .map(|(subnet, key)| {
            let group: GroupKey = rows::from_json("group key", &key)?;
            Ok(Use { subnet: Name::new(subnet), group })
        })
        .collect()
}

fn guarded_by(
    connection: &Connection,
    seal: &SealKey,
    key: &ResourceKey,
) -> Result<Vec<SubnetKey>, StoreError> {
    let all = ResourceFilter {
        scope: Filter::Subscription(key.resource_group.subscription.clone()),
        kind: Some(Name::from(VIRTUAL_NETWORK)),
    };
    let mut found = Vec::new();
    for resource in resources::list(connection, seal, &all)? {
        let subnets = network_of(&resource)?.subnets.into_iter();
        let guarded = subnets.filter(|subnet| subnet.security_group.as_ref() == Some(key));
        let network = &resource.key;
        found.extend(
            guarded.map(|subnet| SubnetKey { network: network.clone(), name: subnet.name }),
        );
    }
    Ok(found)
}
