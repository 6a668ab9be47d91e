//! Where the addresses of groups come from.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// The ranges of addresses that groups have outside of virtual networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pools {
    /// For groups with a public address.
    pub public: Ipv4Net,
    /// For all other groups, which speak from such an address; `None`: the same.
    pub private: Option<Ipv4Net>,
}

impl From<Ipv4Net> for Pools {
    fn from(public: Ipv4Net) -> Self {
        Self { public: public.trunc(), private: None }
    }
}

impl Pools {
    /// All ranges.
    pub fn ranges(&self) -> impl Iterator<Item = Ipv4Net> + use<> {
        std::iter::once(self.public).chain(self.private)
    }

    /// The range that this host's own address is in.
    pub fn home(&self) -> Ipv4Net {
        self.private.unwrap_or(self.public)
    }

    /// This host's address: the gateway and name server of groups.
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.home().network()) + 1)
    }

    /// Whether an address is of a group, or this host's own among them.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.ranges().any(|range| range.contains(&address))
    }

    /// The range for a group that is reachable from outside, or for one that is not.
    pub fn range(&self, is_public: bool) -> Ipv4Net {
        if is_public { self.public } else { self.home() }
    }

    /// The first and last address that groups get of it. Where this host has its own, the first is
    /// the network's, the second the host's and the last the broadcast's. All of another range is
    /// for groups: it is routed to each of them.
    pub fn usable(&self, is_public: bool) -> (Ipv4Addr, Ipv4Addr) {
        let range = self.range(is_public);
        if range == self.home() {
            let (first, last) = (u32::from(range.network()) + 2, u32::from(range.broadcast()) - 1);
            return (first.into(), last.into());
        }
        (range.network(), range.broadcast())
    }

    /// How many groups can have an address.
    pub fn count(&self) -> u64 {
        let size = |is_public| {
            let (first, last) = self.usable(is_public);
            u64::from(u32::from(last).saturating_sub(u32::from(first))) + 1
        };
        size(true) + if self.private.is_some() { size(false) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_its_own_is_for_public_groups_as_a_whole() {
        let mut pools = Pools::from("10.9.0.7/29".parse::<Ipv4Net>().unwrap());
        let text = |(first, last): (Ipv4Addr, Ipv4Addr)| format!("{first}-{last}");
        assert_eq!(pools.gateway(), Ipv4Addr::new(10, 9, 0, 1));
        assert_eq!(text(pools.usable(true)), "10.9.0.2-10.9.0.6");
        assert_eq!((pools.usable(false), pools.count()), (pools.usable(true), 5));
        pools.private = Some("10.8.0.0/24".parse().unwrap());
        assert_eq!(pools.gateway(), Ipv4Addr::new(10, 8, 0, 1));
        assert_eq!(text(pools.usable(true)), "10.9.0.0-10.9.0.7");
        assert_eq!(text(pools.usable(false)), "10.8.0.2-10.8.0.254");
        assert_eq!(pools.count(), 8 + 253);
        assert!(pools.contains(Ipv4Addr::new(10, 8, 0, 9)));
        assert!(!pools.contains(Ipv4Addr::new(10, 9, 0, 8)));
    }
}
