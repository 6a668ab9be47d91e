//! Links, addresses and routes on the host's side.

use std::{collections::BTreeMap, net::Ipv4Addr};

use futures::TryStreamExt as _;
use ipnet::Ipv4Net;
use rtnetlink::{
    Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder,
    packet_route::{
        link::{LinkAttribute, LinkMessage},
        route::{RouteAddress, RouteAttribute, RouteMessage, RouteScope, RouteType},
    },
};
use wharf_model::GroupId;

use super::{NetworkConfig, NetworkError, namespaces::Prepared};

/// `ENODEV`: there is no such link.
const NO_DEVICE: i32 = -19;
/// `EEXIST`.
pub(super) const EXISTS: i32 = -17;

/// Metric of the route that catches what no group has: behind every other.
pub(super) const NOWHERE_PRIORITY: u32 = 65_535;

/// The host's links, through one netlink socket.
#[derive(Clone, Debug)]
pub(super) struct Links {
    pub(super) handle: Handle,
    pub(super) config: NetworkConfig,
}

pub(super) fn failed(
    operation: impl Into<String>,
) -> impl FnOnce(rtnetlink::Error) -> NetworkError {
    let operation = operation.into();
    move |source| NetworkError::Netlink { operation, source }
}

pub(super) fn code(error: &rtnetlink::Error) -> i32 {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.raw_code(),
        _ => 0,
    }
}

/// A netlink connection of the calling thread's network namespace.
pub(super) fn connect() -> std::io::Result<Handle> {
    let (connection, handle, _) = rtnetlink::new_connection()?;
    tokio::spawn(connection);
    Ok(handle)
}

/// The index of a link, `None` when there is none of that name.
pub(super) async fn index_of(handle: &Handle, name: &str) -> Result<Option<u32>, NetworkError> {
    match handle.link().get().match_name(name).execute().try_next().await {
        Ok(found) => Ok(found.map(|link| link.header.index)),
        Err(error) if code(&error) == NO_DEVICE => Ok(None),
        Err(error) => Err(failed(format!("look for link {name}"))(error)),
    }
}

impl Links {
    pub(super) fn open(config: &NetworkConfig) -> Result<Self, NetworkError> {
        let handle = connect().map_err(NetworkError::Namespace)?;
        Ok(Self { handle, config: config.clone() })
    }

    /// Refuses a pool that the host reaches some other way, unless that way is ours.
    pub(super) async fn check_overlap(&self) -> Result<(), NetworkError> {
        let ours: Vec<u32> = self.ours().await?.into_iter().map(|(_, index)| index).collect();
        let gateway = index_of(&self.handle, &self.config.layout.gateway_link()).await?;
        let uplink = match &self.config.uplink {
            None => None,
            Some(name) => {
                let found = index_of(&self.handle, name).await?;
                Some(found.ok_or_else(|| NetworkError::NoUplink { name: name.clone() })?)
            }
        };
        let pools = self.config.pools;
        let all = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let mut routes = self.handle.route().get(all).execute();
        while let Some(route) = routes.try_next().await.map_err(failed("list routes"))? {
            let Some(prefix) = prefix_of(&route) else { continue };
            let link = route.attributes.iter().find_map(|attribute| match attribute {
                RouteAttribute::Oif(index) => Some(*index),
                _ => None,
            });
            let is_ours = link.is_some_and(|index| ours.contains(&index))
                || (link.is_some() && link == gateway)
                || (pools.ranges().any(|pool| pool == prefix) && is_nowhere(&route));
            let is_default = prefix.prefix_len() == 0;
            for pool in pools.ranges() {
                // In a LAN the pool is a part of what the LAN's link reaches.
                let is_lan = link.is_some() && link == uplink && prefix.contains(&pool);
                if is_lan && prefix != pool && pool == pools.public {
                    continue;
                }
                if !is_default && !is_ours && (pool.contains(&prefix) || prefix.contains(&pool)) {
                    return Err(NetworkError::Overlap { pool, route: prefix.to_string() });
                }
            }
        }
        Ok(())
    }

    /// The link (a bridge without ports, which every kernel has) with the gateway's address, and a route that fails at once for addresses
    /// that no group has.
    pub(super) async fn ensure_gateway(&self) -> Result<(), NetworkError> {
        let name = self.config.layout.gateway_link();
        let about = |what: &str| failed(format!("{what} link {name}"));
        let index = if let Some(index) = index_of(&self.handle, &name).await? {
            index
        } else {
            let bridge = LinkBridge::new(&name).up().build();
            self.handle.link().add(bridge).execute().await.map_err(about("make"))?;
            index_of(&self.handle, &name)
                .await?
                .ok_or_else(|| about("find")(rtnetlink::Error::RequestFailed))?
        };
        let address = self.config.gateway().into();
        let addresses = self.handle.address();
        addresses.add(index, address, 32).replace().execute().await.map_err(about("address"))?;
        for pool in self.config.pools.ranges() {
            match self.handle.route().add(nowhere(pool)).execute().await {
                Err(error) if code(&error) != EXISTS => {
                    return Err(failed(format!("route {pool}"))(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    pub(super) async fn remove_gateway(&self) -> Result<(), NetworkError> {
        // Gone already is as good.
        for pool in self.config.pools.ranges() {
            drop(self.handle.route().del(nowhere(pool)).execute().await);
        }
        self.remove(&self.config.layout.gateway_link()).await?;
        Ok(())
    }

    pub(super) async fn has_gateway(&self) -> Result<bool, NetworkError> {
        let name = self.config.layout.gateway_link();
        Ok(index_of(&self.handle, &name).await?.is_some())
    }

    /// Makes a veth pair with one end as `eth0` in a namespace; returns the index of the other.
    pub(super) async fn make_pair(
        &self,
        name: &str,
        namespace: &std::os::fd::OwnedFd,
    ) -> Result<u32, NetworkError> {
        use std::os::fd::AsRawFd as _;
        let inside = LinkUnspec::new_with_name("eth0").setns_by_fd(namespace.as_raw_fd()).build();
        let pair = LinkMessageBuilder::<LinkVeth>::new(name, "eth0")
            .set_info_data(rtnetlink::packet_route::link::InfoData::Veth(
                rtnetlink::packet_route::link::InfoVeth::Peer(inside),
            ))
            .build();
        self.handle
            .link()
            .add(pair)
            .execute()
            .await
            .map_err(failed(format!("make veth {name}")))?;
        index_of(&self.handle, name)
            .await?
            .ok_or_else(|| failed(format!("find veth {name}"))(rtnetlink::Error::RequestFailed))
    }

    /// Gives a prepared pair to a group: name, up, and the route to its address.
    pub(super) async fn claim(
        &self,
        prepared: &Prepared,
        name: &str,
        address: Ipv4Addr,
    ) -> Result<(), NetworkError> {
        let link = LinkUnspec::new_with_index(prepared.host_index).name(name).up().build();
        self.handle
            .link()
            .set(link)
            .execute()
            .await
            .map_err(failed(format!("name veth {name}")))?;
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(address, 32)
            .output_interface(prepared.host_index)
            .scope(RouteScope::Link)
            .pref_source(self.config.gateway())
            .build();
        self.handle
            .route()
            .add(route)
            .replace()
            .execute()
            .await
            .map_err(failed(format!("route {address} to {name}")))
    }

    /// Removes a link; returns whether it was there.
    pub(super) async fn remove(&self, name: &str) -> Result<bool, NetworkError> {
        let Some(index) = index_of(&self.handle, name).await? else { return Ok(false) };
        match self.handle.link().del(index).execute().await {
            Err(error) if code(&error) == NO_DEVICE => Ok(false),
            Err(error) => Err(failed(format!("remove link {name}"))(error)),
            Ok(()) => Ok(true),
        }
    }

    /// Links of groups, by group.
    pub(super) async fn groups(&self) -> Result<BTreeMap<GroupId, String>, NetworkError> {
        let prefix = self.config.layout.veth_prefix();
        let named =
            |name: String| GroupId::parse(name.strip_prefix(&prefix)?).map(|id| (id, name.clone()));
        Ok(self.ours().await?.into_iter().filter_map(|(name, _)| named(name)).collect())
    }

    /// Removes pairs that an earlier daemon had prepared and that its death has not removed yet.
    pub(super) async fn remove_unclaimed(&self) -> Result<(), NetworkError> {
        let prefix = self.config.layout.veth_prefix();
        for (name, _) in self.ours().await? {
            if name.strip_prefix(&prefix).and_then(GroupId::parse).is_none() {
                self.remove(&name).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn ours(&self) -> Result<Vec<(String, u32)>, NetworkError> {
        let prefix = self.config.layout.veth_prefix();
        let mut found = Vec::new();
        let mut links = self.handle.link().get().execute();
        while let Some(link) = links.try_next().await.map_err(failed("list links"))? {
            if let Some(name) = name_of(&link).filter(|name| name.starts_with(&prefix)) {
                found.push((name.to_owned(), link.header.index));
            }
        }
        Ok(found)
    }
}

/// The route of last resort for a pool: addresses that no group has fail at once.
fn nowhere(pool: Ipv4Net) -> RouteMessage {
    RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(pool.network(), pool.prefix_len())
        .kind(RouteType::Unreachable)
        .priority(NOWHERE_PRIORITY)
        .build()
}

/// Whether a route is as [`nowhere`] makes it, which an interrupted removal may leave alone behind.
fn is_nowhere(route: &RouteMessage) -> bool {
    route.header.kind == RouteType::Unreachable
        && route.attributes.contains(&RouteAttribute::Priority(NOWHERE_PRIORITY))
}

fn name_of(link: &LinkMessage) -> Option<&str> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })
}

fn prefix_of(route: &RouteMessage) -> Option<Ipv4Net> {
    let address = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(*address),
        _ => None,
    })?;
    Ipv4Net::new(address, route.header.destination_prefix_length).ok()
}
