//! The second stack: an IPv6 address for every group outside of virtual networks, when that is wanted.
//!
//! A neighbour is asked for on the link itself, so every link's end on the host has the same
//! link-local address, which groups send to.

use std::net::{Ipv4Addr, Ipv6Addr};

use futures::TryStreamExt as _;
use ipnet::Ipv6Net;
use rtnetlink::{
    AddressMessageBuilder, Handle, RouteMessageBuilder,
    packet_route::{
        address::{AddressAttribute, AddressFlags},
        route::{RouteAddress, RouteAttribute, RouteType},
    },
};
use wharf_model::network::Ipv6Pool;

use super::{
    NetworkConfig, NetworkError,
    links::{EXISTS, Links, NOWHERE_PRIORITY, code, failed, index_of},
    namespaces::Prepared,
    write_setting,
};

/// Where groups send what is not for them.
const NEXT_HOP: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

impl NetworkConfig {
    /// This host's address among those of groups.
    fn gateway6(&self, pool: Ipv6Pool) -> Ipv6Addr {
        pool.of(self.gateway())
    }
}

/// At once: nobody else can have it.
async fn add_address(
    handle: &Handle,
    index: u32,
    (address, length): (Ipv6Addr, u8),
) -> Result<(), NetworkError> {
    let mut message =
        AddressMessageBuilder::<Ipv6Addr>::new().index(index).address(address, length).build();
    message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
    let mut request = handle.address().add(index, address.into(), length).replace();
    *request.message_mut() = message;
    request.execute().await.map_err(failed(format!("give {address} to a link")))
}

impl Links {
    /// Refuses a pool that the host reaches some other way, and makes what all groups share.
    pub(super) async fn ensure_ipv6(&self, pool: Ipv6Pool) -> Result<(), NetworkError> {
        let range = pool.range();
        let link = index_of(&self.handle, &self.config.layout.gateway_link()).await?;
        let link = link.ok_or(NetworkError::Closed)?;
        let mut ours: Vec<u32> = self.ours().await?.into_iter().map(|(_, index)| index).collect();
        ours.push(link);
        let all = RouteMessageBuilder::<Ipv6Addr>::new().build();
        let mut routes = self.handle.route().get(all).execute();
        while let Some(route) = routes.try_next().await.map_err(failed("list IPv6 routes"))? {
            let address = route.attributes.iter().find_map(|attribute| match attribute {
                RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(*address),
                _ => None,
            });
            let length = route.header.destination_prefix_length;
            let Some(prefix) = address.and_then(|address| Ipv6Net::new(address, length).ok())
            else {
                continue;
            };
            let is_ours = route.attributes.iter().any(|attribute| match attribute {
                RouteAttribute::Oif(index) => ours.contains(index),
                _ => false,
            }) || prefix == range && route.header.kind == RouteType::Unreachable;
            // The table of this host's own addresses has one for each of ours.
            let is_local = route.header.kind != RouteType::Unicast
                && route.header.kind != RouteType::Unreachable;
            if !is_ours && !is_local && (range.contains(&prefix) || prefix.contains(&range)) {
                return Err(NetworkError::Overlap6 { pool: range, route: prefix.to_string() });
            }
        }
        write_setting("/proc/sys/net/ipv6/conf/all/forwarding", "1")?;
        add_address(&self.handle, link, (self.config.gateway6(pool), 128)).await?;
        match self.handle.route().add(nowhere(range)).execute().await {
            Err(error) if code(&error) != EXISTS => Err(failed(format!("route {range}"))(error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Undoes [`Self::ensure_ipv6`], but for what goes with the gateway's link.
    pub(super) async fn remove_ipv6(&self, pool: Ipv6Pool) {
        // Gone already is as good.
        drop(self.handle.route().del(nowhere(pool.range())).execute().await);
    }

    /// Makes a claimed link reachable at the group's IPv6 address.
    pub(super) async fn claim_ipv6(
        &self,
        prepared: &Prepared,
        pool: Ipv6Pool,
        address: Ipv4Addr,
    ) -> Result<(), NetworkError> {
        add_address(&self.handle, prepared.host_index, (NEXT_HOP, 64)).await?;
        let address = pool.of(address);
        let route = RouteMessageBuilder::<Ipv6Addr>::new()
            .destination_prefix(address, 128)
            .output_interface(prepared.host_index)
            .pref_source(self.config.gateway6(pool))
            .build();
        let about = failed(format!("route {address} to a group"));
        self.handle.route().add(route).replace().execute().await.map_err(about)
    }
}

impl Prepared {
    /// The group's own address, and the way out.
    pub(super) async fn give_ipv6(&self, address: Ipv6Addr) -> Result<(), NetworkError> {
        let (handle, index) = self.inside();
        add_address(handle, index, (address, 128)).await?;
        let way = RouteMessageBuilder::<Ipv6Addr>::new()
            .destination_prefix(Ipv6Addr::UNSPECIFIED, 0)
            .output_interface(index)
            .gateway(NEXT_HOP)
            .build();
        let about = failed(format!("route a group through {NEXT_HOP}"));
        handle.route().add(way).replace().execute().await.map_err(about)
    }
}

fn nowhere(range: Ipv6Net) -> rtnetlink::packet_route::route::RouteMessage {
    RouteMessageBuilder::<Ipv6Addr>::new()
        .destination_prefix(range.network(), range.prefix_len())
        .kind(RouteType::Unreachable)
        .priority(NOWHERE_PRIORITY)
        .build()
}
