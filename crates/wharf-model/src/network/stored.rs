//! Virtual networks and network security groups as the store keeps them, and which changes of them
//! are possible. Codes and messages are Azure's.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Pools, SecurityRule, default_rules};
use crate::{Error, GroupKey, Name, ResourceKey};

/// Azure keeps the network's address, the gateway's and two for its own name servers.
const RESERVED: u32 = 4;
/// The smallest subnet has room for three.
const PREFIX_MAX: u8 = 29;
/// What no virtual network may have: this host, link-local, multicast and everything beyond.
const FORBIDDEN: &[&str] = &["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"];

/// Where a subnet is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetKey {
    /// The virtual network that it is a part of.
    pub network: ResourceKey,
    /// Its name there.
    pub name: Name,
}

/// A virtual network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualNetwork {
    /// Stays the same over all changes.
    pub guid: Uuid,
    /// Its address space.
    pub ranges: Vec<Ipv4Net>,
    /// Its parts.
    pub subnets: Vec<Subnet>,
    /// Other properties that are told back, JSON; opaque to all but `wharf-arm`.
    pub echoed: String,
}

/// A part of a virtual network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Unique in the network.
    pub name: Name,
    /// Its addresses.
    pub range: Ipv4Net,
    /// Whether it is given over to container groups.
    pub is_delegated: bool,
    /// What guards it.
    pub security_group: Option<ResourceKey>,
    /// Other properties that are told back, JSON; opaque to all but `wharf-arm`.
    pub echoed: String,
}

/// A network security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Stays the same over all changes.
    pub guid: Uuid,
    /// Its rules besides the default ones.
    pub rules: Vec<NamedRule>,
}

/// A rule of a security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedRule {
    /// Unique in the group.
    pub name: Name,
    /// Which way what it is about goes.
    pub direction: Direction,
    /// What it says.
    pub rule: SecurityRule,
    /// Its properties as they are told back, JSON; opaque to all but `wharf-arm`.
    pub echoed: String,
}

/// Which way a packet goes, seen from the subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// To it.
    Inbound,
    /// From it.
    Outbound,
}

/// A group that has an address of a subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The subnet's name.
    pub subnet: Name,
    /// The group.
    pub group: GroupKey,
}

impl Subnet {
    /// The first and the last address that groups can have.
    pub fn usable(&self) -> (Ipv4Addr, Ipv4Addr) {
        let (network, broadcast) = (self.range.network(), self.range.broadcast());
        let last = u32::from(broadcast).saturating_sub(1);
        (Ipv4Addr::from(u32::from(network).saturating_add(RESERVED)), Ipv4Addr::from(last))
    }
}

impl VirtualNetwork {
    /// The subnet of that name.
    pub fn subnet(&self, name: &Name) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.name == *name)
    }

    /// Makes a subnet, or replaces the one of its name; returns whether it is new.
    pub fn put_subnet(&mut self, subnet: Subnet) -> bool {
        let known = self.subnets.iter_mut().find(|known| known.name == subnet.name);
        let is_new = known.is_none();
        if let Some(known) = known {
            *known = Subnet { name: known.name.clone(), ..subnet };
        } else {
            self.subnets.push(subnet);
        }
        is_new
    }

    /// Whether it can be as it is: its parts are inside and apart, and nothing of it is an address
    /// that means something else here, such as what groups outside of virtual networks have.
    pub fn check(&self, name: &Name, pools: &Pools) -> Result<(), Error> {
        let target = "properties.addressSpace.addressPrefixes";
        let overlap = |a: &Ipv4Net, b: &Ipv4Net| a.contains(b) || b.contains(a);
        let forbidden = FORBIDDEN.iter().filter_map(|text| text.parse::<Ipv4Net>().ok());
        for taken in forbidden.chain(pools.ranges()) {
            if let Some(range) = self.ranges.iter().find(|range| overlap(range, &taken)) {
                let message = format!(
                    "The address prefix {range} of virtual network '{name}' overlaps {taken}, which \
                     virtual networks cannot have here."
                );
                return Err(Error::invalid("InvalidVirtualNetworkAddressSpace", message, target));
            }
        }
        for (at, range) in self.ranges.iter().enumerate() {
            if let Some(other) = self.ranges[..at].iter().find(|other| overlap(range, other)) {
                let message = format!(
                    "The address prefixes {other} and {range} of virtual network '{name}' overlap."
                );
                return Err(Error::invalid("InvalidVirtualNetworkAddressSpace", message, target));
            }
        }
        for (at, subnet) in self.subnets.iter().enumerate() {
            self.check_subnet(name, subnet, &self.subnets[..at])?;
        }
        Ok(())
    }

    fn check_subnet(&self, name: &Name, subnet: &Subnet, others: &[Subnet]) -> Result<(), Error> {
        let refused = |code, what: String| {
            let message = format!("Subnet '{}' is not valid because {what}.", subnet.name);
            Err(Error::invalid(code, message, "properties.addressPrefix"))
        };
        let range = &subnet.range;
        if range.prefix_len() > PREFIX_MAX {
            let what = format!("its address prefix {range} is smaller than a /{PREFIX_MAX}");
            return refused("NetcfgSubnetRangeTooSmall", what);
        }
        if !self.ranges.iter().any(|outer| outer.contains(range)) {
            let what = format!(
                "its IP address range is outside the IP address range of virtual network '{name}'"
            );
            return refused("NetcfgSubnetRangeOutsideVnet", what);
        }
        if others.iter().any(|other| other.range.contains(range) || range.contains(&other.range)) {
            let what = format!(
                "its IP address range overlaps with that of an existing subnet in virtual network \
                 '{name}'"
            );
            return refused("NetcfgSubnetRangesOverlap", what);
        }
        if others.iter().any(|other| other.name == subnet.name) {
            let what = format!("virtual network '{name}' has another one of its name");
            return refused("NetcfgInvalidSubnet", what);
        }
        Ok(())
    }

    /// Whether it can take the place of `before`, of which some subnets are in use.
    pub fn check_uses(&self, before: &Self, uses: &[Use]) -> Result<(), Error> {
        for used in uses {
            let Some(old) = before.subnet(&used.subnet) else { continue };
            let Some(new) = self.subnet(&used.subnet) else { return Err(in_use(used)) };
            if new.range != old.range {
                let message = format!(
                    "IpPrefix {} on Subnet {} has active allocations and cannot be deleted.",
                    old.range, old.name
                );
                let target = "properties.addressPrefix";
                return Err(Error::invalid("InUsePrefixCannotBeDeleted", message, target));
            }
            if old.is_delegated && !new.is_delegated {
                let message = format!(
                    "Delegation of subnet {} cannot be deleted, since {} is in it.",
                    old.name,
                    user(used)
                );
                let target = "properties.delegations";
                return Err(Error::invalid("InUseDelegationCannotBeDeleted", message, target));
            }
        }
        Ok(())
    }
}

/// A subnet, or the network that it is a part of, cannot be deleted now.
pub(crate) fn in_use(used: &Use) -> Error {
    let message = format!(
        "Subnet {} is in use by {} and cannot be deleted. In order to delete the subnet, delete all \
         the resources within the subnet. See aka.ms/deletesubnet.",
        used.subnet,
        user(used)
    );
    Error::invalid("InUseSubnetCannotBeDeleted", message, "properties.subnets")
}

fn user(used: &Use) -> String {
    let (group, home) = (&used.group.name, &used.group.resource_group.name);
    format!("container group '{group}' of resource group '{home}'")
}

impl Use {
    /// Why what is in use cannot be deleted.
    pub fn refusal(&self) -> Error {
        in_use(self)
    }
}

impl SecurityGroup {
    /// The rule of that name.
    pub fn rule(&self, name: &Name) -> Option<&NamedRule> {
        self.rules.iter().find(|rule| rule.name == *name)
    }

    /// Makes a rule, or replaces the one of its name; returns whether it is new.
    pub fn put_rule(&mut self, rule: NamedRule) -> bool {
        let known = self.rules.iter_mut().find(|known| known.name == rule.name);
        let is_new = known.is_none();
        if let Some(known) = known {
            *known = NamedRule { name: known.name.clone(), ..rule };
        } else {
            self.rules.push(rule);
        }
        is_new
    }

    /// Whether it can be as it is: no two rules of one name, or of one direction and priority.
    pub fn check(&self) -> Result<(), Error> {
        for (at, rule) in self.rules.iter().enumerate() {
            for other in &self.rules[..at] {
                let (names, target) = ((&rule.name, &other.name), "properties.priority");
                if names.0 == names.1 {
                    let message = format!("There are two security rules named '{}'.", names.0);
                    return Err(Error::invalid("SecurityRuleNameNotUnique", message, target));
                }
                let of = |rule: &NamedRule| (rule.direction, rule.rule.priority);
                if of(rule) == of(other) {
                    let message = format!(
                        "Security rule {} conflicts with rule {}. Rules cannot have the same \
                         Priority and Direction.",
                        names.0, names.1
                    );
                    return Err(Error::invalid("SecurityRuleConflict", message, target));
                }
            }
        }
        Ok(())
    }

    /// All rules of a direction in the order in which they are tried, the default ones last.
    pub fn rules_of(&self, direction: Direction) -> Vec<SecurityRule> {
        let own = self.rules.iter().filter(|rule| rule.direction == direction);
        let mut rules: Vec<SecurityRule> = own.map(|rule| rule.rule.clone()).collect();
        rules.sort_by_key(|rule| rule.priority);
        rules.extend(default_rules(direction == Direction::Inbound));
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ResourceGroupKey,
        network::{Place, RuleProtocol},
    };

    fn subnet(name: &str, range: &str) -> Subnet {
        Subnet {
            name: name.into(),
            range: range.parse().unwrap(),
            is_delegated: true,
            security_group: None,
            echoed: String::new(),
        }
    }

    fn network(ranges: &[&str], subnets: Vec<Subnet>) -> VirtualNetwork {
        let ranges = ranges.iter().map(|text| text.parse().unwrap()).collect();
        VirtualNetwork { guid: Uuid::nil(), ranges, subnets, echoed: String::new() }
    }

    fn code(network: &VirtualNetwork) -> &'static str {
        let pool = "10.203.0.0/16".parse::<Ipv4Net>().unwrap().into();
        network.check(&"v".into(), &pool).map_or_else(|error| error.code, |()| "")
    }

    #[test]
    fn a_network_has_its_parts_inside_and_apart() {
        let one = |ranges: &[&str], range: &str| code(&network(ranges, vec![subnet("a", range)]));
        assert_eq!(one(&["10.0.0.0/16"], "10.0.0.0/24"), "");
        assert_eq!(one(&["10.0.0.0/16"], "10.1.0.0/24"), "NetcfgSubnetRangeOutsideVnet");
        assert_eq!(one(&["10.0.0.0/16"], "10.0.0.0/30"), "NetcfgSubnetRangeTooSmall");
        for bad in [&["10.0.0.0/8"][..], &["127.0.0.0/16"], &["10.0.0.0/16", "10.0.1.0/24"]] {
            assert_eq!(code(&network(bad, vec![])), "InvalidVirtualNetworkAddressSpace");
        }
        for (other, expected) in [
            (subnet("b", "10.0.0.128/25"), "NetcfgSubnetRangesOverlap"),
            (subnet("A", "10.0.1.0/24"), "NetcfgInvalidSubnet"),
            (subnet("b", "10.0.1.0/24"), ""),
        ] {
            let both = vec![subnet("a", "10.0.0.0/24"), other];
            assert_eq!(code(&network(&["10.0.0.0/16"], both)), expected);
        }
    }

    #[test]
    fn the_first_four_addresses_and_the_last_are_reserved() {
        let usable = subnet("a", "10.0.0.0/29").usable();
        assert_eq!(usable, (Ipv4Addr::new(10, 0, 0, 4), Ipv4Addr::new(10, 0, 0, 6)));
    }

    #[test]
    fn what_is_in_use_stays_as_it_is() {
        let before = network(&["10.0.0.0/16"], vec![subnet("a", "10.0.0.0/24")]);
        let resource_group = ResourceGroupKey { subscription: "s".into(), name: "g".into() };
        let group = GroupKey { resource_group, name: "web".into() };
        let uses = [Use { subnet: "A".into(), group }];
        let code = |after: &VirtualNetwork| {
            after.check_uses(&before, &uses).map_or_else(|error| error.code, |()| "")
        };
        assert_eq!(code(&before), "");
        assert_eq!(code(&network(&["10.0.0.0/16"], vec![])), "InUseSubnetCannotBeDeleted");
        let moved = network(&["10.0.0.0/16"], vec![subnet("a", "10.0.0.0/25")]);
        assert_eq!(code(&moved), "InUsePrefixCannotBeDeleted");
        let mut plain = before.clone();
        plain.subnets[0].is_delegated = false;
        assert_eq!(code(&plain), "InUseDelegationCannotBeDeleted");
    }

    #[test]
    fn rules_are_tried_by_priority_and_the_default_ones_last() {
        let named = |name: &str, direction, priority| NamedRule {
            name: name.into(),
            direction,
            rule: SecurityRule {
                priority,
                is_allowed: true,
                protocol: RuleProtocol::Any,
                sources: vec![Place::Any],
                destinations: vec![Place::Any],
                source_ports: vec![],
                destination_ports: vec![],
            },
            echoed: String::new(),
        };
        let mut group = SecurityGroup { guid: Uuid::nil(), rules: vec![] };
        assert!(group.put_rule(named("late", Direction::Inbound, 300)));
        assert!(group.put_rule(named("early", Direction::Inbound, 200)));
        assert!(group.put_rule(named("out", Direction::Outbound, 200)));
        assert!(!group.put_rule(named("LATE", Direction::Inbound, 400)));
        assert!(group.check().is_ok());
        let tried = |direction| -> Vec<u16> {
            group.rules_of(direction).iter().map(|rule| rule.priority).collect()
        };
        assert_eq!(tried(Direction::Inbound), [200, 400, 65000, 65001, 65500]);
        assert_eq!(tried(Direction::Outbound), [200, 65000, 65001, 65500]);
        group.put_rule(named("third", Direction::Inbound, 200));
        assert_eq!(group.check().unwrap_err().code, "SecurityRuleConflict");
    }
}
