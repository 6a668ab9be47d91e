//! The IPv6 addresses of groups: each has the one that its IPv4 address says.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

/// A range in which every IPv4 address stands at its own place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6Pool(Ipv6Net);

impl Ipv6Pool {
    /// `None` when the range has no room for all IPv4 addresses.
    pub fn new(range: Ipv6Net) -> Option<Self> {
        (range.prefix_len() <= 96).then(|| Self(range.trunc()))
    }

    /// The range.
    pub fn range(&self) -> Ipv6Net {
        self.0
    }

    /// The address of whoever has this one.
    pub fn of(&self, address: Ipv4Addr) -> Ipv6Addr {
        Ipv6Addr::from(u128::from(self.0.network()) | u128::from(u32::from(address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stands_at_the_place_of_its_ipv4_address() {
        let pool = Ipv6Pool::new("fd00:1:2::7/64".parse().unwrap()).unwrap();
        let address = pool.of(Ipv4Addr::new(10, 203, 0, 5));
        assert_eq!(address, "fd00:1:2::10.203.0.5".parse::<Ipv6Addr>().unwrap());
        assert_eq!(Ipv6Pool::new("fd00::/112".parse().unwrap()), None);
    }
}
