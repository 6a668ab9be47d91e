//! Virtual networks: what they are made of, a group's place in one, and the rules that guard it
//! (semantics.md §12.3).

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

mod ipv6;
mod pools;
mod stored;

pub use ipv6::Ipv6Pool;
pub use pools::Pools;
pub use stored::{Direction, NamedRule, SecurityGroup, Subnet, SubnetKey, Use, VirtualNetwork};

/// Where a group is in a virtual network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrivatePlace {
    /// Its address there; other networks may have the same.
    pub address: Ipv4Addr,
    /// The network's number on this installation, from 1 to 4095.
    pub network: u16,
}

/// A group's place in a virtual network, with all that is to be known to connect it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateAddress {
    /// Its address there; other networks may have the same.
    pub address: Ipv4Addr,
    /// The network's number on this installation, from 1 to 4095.
    pub network: u16,
    /// All ranges of the network.
    pub ranges: Vec<Ipv4Net>,
    /// Who may reach the subnet's groups; `None`: everyone in the network.
    pub inbound: Option<Vec<SecurityRule>>,
    /// Whom the subnet's groups may reach; `None`: everyone.
    pub outbound: Option<Vec<SecurityRule>>,
}

/// A rule of a network security group. Rules are tried in the order of their priority; the first
/// that matches decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityRule {
    /// Lower comes first.
    pub priority: u16,
    /// Whether what matches may pass.
    pub is_allowed: bool,
    /// What it is about.
    pub protocol: RuleProtocol,
    /// Where it comes from: any of these.
    pub sources: Vec<Place>,
    /// Where it goes: any of these.
    pub destinations: Vec<Place>,
    /// From which ports, first and last of each range; empty: any.
    pub source_ports: Vec<(u16, u16)>,
    /// To which ports; empty: any.
    pub destination_ports: Vec<(u16, u16)>,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuleProtocol {
    /// Everything.
    Any,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
}

/// A part of the world in a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// Everywhere.
    Any,
    /// The virtual network of the subnet.
    VirtualNetwork,
    /// Everywhere but the virtual network.
    Internet,
    /// Something that Azure has and Wharf has not, such as its load balancer.
    Nowhere,
    /// These addresses.
    Range(Ipv4Net),
}

impl Place {
    /// Whether an address of a network with these ranges is there.
    pub fn contains(self, address: Ipv4Addr, network: &[Ipv4Net]) -> bool {
        let is_inside = network.iter().any(|range| range.contains(&address));
        match self {
            Self::Any => true,
            Self::VirtualNetwork => is_inside,
            Self::Internet => !is_inside,
            Self::Nowhere => false,
            Self::Range(range) => range.contains(&address),
        }
    }
}

/// The rules that every security group ends with on Azure.
pub fn default_rules(is_inbound: bool) -> [SecurityRule; 3] {
    let rule = |priority, is_allowed, from, to| SecurityRule {
        priority,
        is_allowed,
        protocol: RuleProtocol::Any,
        sources: vec![from],
        destinations: vec![to],
        source_ports: Vec::new(),
        destination_ports: Vec::new(),
    };
    let second = if is_inbound {
        rule(65001, true, Place::Nowhere, Place::Any)
    } else {
        rule(65001, true, Place::Any, Place::Internet)
    };
    [
        rule(65000, true, Place::VirtualNetwork, Place::VirtualNetwork),
        second,
        rule(65500, false, Place::Any, Place::Any),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_contain_what_their_names_say() {
        let network: Vec<Ipv4Net> = vec!["10.0.0.0/16".parse().unwrap()];
        let (inside, outside) = (Ipv4Addr::new(10, 0, 0, 4), Ipv4Addr::new(192, 0, 2, 1));
        let range = Place::Range("192.0.2.0/24".parse().unwrap());
        for (place, has_inside, has_outside) in [
            (Place::Any, true, true),
            (Place::VirtualNetwork, true, false),
            (Place::Internet, false, true),
            (Place::Nowhere, false, false),
            (range, false, true),
        ] {
            assert_eq!(place.contains(inside, &network), has_inside, "{place:?}");
            assert_eq!(place.contains(outside, &network), has_outside, "{place:?}");
        }
    }
}
