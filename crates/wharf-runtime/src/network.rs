//! An address of its own for every group: routed, no bridge, nothing mapped on the way in.
//!
//! A group's network namespace is held by its shim alone, so it vanishes with the shim. Namespaces
//! with their veth pair are made ahead of time and held by file descriptor only, so those that
//! nobody took vanish with the daemon. The host answers for the gateway address, which sits on a
//! link of its own; every group has a host route to its veth; one nftables table decides what passes.

pub mod dns;
mod error;
mod firewall;
pub mod host_ports;
mod ipv6;
mod links;
mod namespaces;
mod virtual_networks;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::Ipv4Addr,
    sync::Arc,
    time::Instant,
};

use tokio::sync::{Mutex, mpsc};
use wharf_model::{
    GroupId,
    network::{Ipv6Pool, Pools, PrivateAddress, PrivatePlace},
    spec::Port,
};
use wharf_shim::{paths::Layout, userns::Namespaces};

pub use error::NetworkError;
use firewall::Firewall;
use links::Links;
use namespaces::{Prepared, Preparer};

/// How the network of groups is set up.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// How things are named.
    pub layout: Layout,
    /// Where group addresses come from.
    pub pools: Pools,
    /// Where their IPv6 addresses come from, if they have any.
    pub ipv6: Option<Ipv6Pool>,
    /// The link of a LAN that the public pool is a part of: this host answers there for its groups.
    pub uplink: Option<String>,
    /// Whether open ports of public groups are also open at this host's own addresses.
    pub publishes_ports: bool,
    /// How many namespaces are kept ready.
    pub prepared: usize,
    /// Whether each belongs to a user namespace of its own.
    pub user_namespaces: bool,
}

impl NetworkConfig {
    /// The address that groups see as their gateway and the host's connections come from.
    pub fn gateway(&self) -> Ipv4Addr {
        self.pools.gateway()
    }

    /// What packets within a virtual network carry, and the number of its routing table: this
    /// installation in the upper bits, the network in the lower.
    pub fn mark(&self, network: u16) -> u32 {
        let fold = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        let instance = self.layout.instance.as_str().as_bytes().iter().fold(0x811c_9dc5, fold);
        (instance & MARK_MASK).max(!MARK_MASK + 1) | u32::from(network)
    }
}

/// The bits of a mark that say which installation it belongs to.
const MARK_MASK: u32 = 0xffff_f000;

fn network_of_mark(mark: u32) -> u16 {
    (mark & !MARK_MASK) as u16
}

/// Where a group is reached: an address of the pool, or one within a virtual network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The virtual network's number.
    pub network: Option<u16>,
    /// The address.
    pub address: Ipv4Addr,
}

impl From<Ipv4Addr> for Endpoint {
    fn from(address: Ipv4Addr) -> Self {
        Self { network: None, address }
    }
}

impl From<&PrivateAddress> for Endpoint {
    fn from(place: &PrivateAddress) -> Self {
        Self { network: Some(place.network), address: place.address }
    }
}

impl From<&PrivatePlace> for Endpoint {
    fn from(place: &PrivatePlace) -> Self {
        Self { network: Some(place.network), address: place.address }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network {
            None => self.address.fmt(f),
            Some(network) => write!(f, "{} in virtual network {network}", self.address),
        }
    }
}

/// Ports of the gateway that answer groups: the firewall leads them there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Services {
    /// What is asked of `169.254.169.254`.
    pub metadata: u16,
    /// The API, for groups at the gateway's port 443.
    pub management: u16,
}

/// What the kernel has of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkInventory {
    /// Links of groups, by group.
    pub links: BTreeMap<GroupId, String>,
    /// Open ports by address, as the kernel has them.
    pub open: BTreeMap<Endpoint, BTreeSet<Port>>,
    /// Whether the table is there.
    pub has_table: bool,
    /// Whether the gateway's link is there.
    pub has_gateway: bool,
}

/// The network of all groups of this installation. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Network {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: NetworkConfig,
    links: Links,
    firewall: Firewall,
    ready: Mutex<mpsc::Receiver<Prepared>>,
    /// Held while a group joins or leaves a virtual network.
    joining: Mutex<()>,
    preparer: Preparer,
}

impl Network {
    /// Prepares the host. What an earlier daemon of this installation left for groups that run is
    /// kept as it is.
    pub async fn start(config: NetworkConfig) -> Result<Self, NetworkError> {
        let home = config.pools.home();
        if home.prefix_len() > 29 {
            return Err(NetworkError::TooSmall { pool: home });
        }
        let links = Links::open(&config)?;
        links.check_overlap().await?;
        write_setting("/proc/sys/net/ipv4/ip_forward", "1")?;
        // What the host refuses within a virtual network goes back the way it came.
        write_setting("/proc/sys/net/ipv4/fwmark_reflect", "1")?;
        links.ensure_gateway().await?;
        if let Some(pool) = config.ipv6 {
            links.ensure_ipv6(pool).await?;
        }
        if let Some(uplink) = &config.uplink {
            set_proxy(uplink, true)?;
        }
        links.remove_unclaimed().await?;
        let firewall = Firewall::start(&config).await?;
        let preparer = Preparer::new(config.clone(), links.clone());
        let ready = Mutex::new(preparer.clone().run(config.prepared.max(1)));
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                links,
                firewall,
                ready,
                joining: Mutex::default(),
                preparer,
            }),
        })
    }

    /// Begins to answer for the names of groups, and to resolve names for them.
    pub async fn serve_names(&self, names: dns::Names) -> Result<(), NetworkError> {
        let address = self.gateway();
        dns::start(names, self.inner.config.pools, address)
            .await
            .map_err(|source| NetworkError::Dns { address, source })
    }

    /// The address that groups see as their gateway and name server.
    pub fn gateway(&self) -> Ipv4Addr {
        self.inner.config.gateway()
    }

    /// A network namespace with the group's address, connected, for the group's shim to enter.
    /// Whatever the group had before is replaced.
    ///
    /// A group in a virtual network has its address there and, for all that goes elsewhere, one of
    /// the pool as well.
    pub async fn take(
        &self,
        id: &GroupId,
        address: Ipv4Addr,
        place: Option<&PrivateAddress>,
    ) -> Result<Namespaces, NetworkError> {
        let (inner, begin) = (&self.inner, Instant::now());
        let prepared = match inner.ready.lock().await.try_recv() {
            Ok(prepared) => prepared,
            Err(_) => inner.preparer.prepare().await?,
        };
        let name = inner.config.layout.veth(id);
        let on_host = async {
            if inner.links.remove(&name).await? {
                tracing::debug!(%id, "replaced an older veth");
            }
            // The last group that leaves a virtual network takes all of it away.
            let _alone = match place {
                Some(_) => Some(inner.joining.lock().await),
                None => None,
            };
            inner.firewall.set_member(&name, place).await?;
            inner.links.claim(&prepared, &name, address).await?;
            match (place, inner.config.ipv6) {
                (Some(place), _) => inner.links.join(&prepared, &name, place).await,
                (None, Some(pool)) => inner.links.claim_ipv6(&prepared, pool, address).await,
                (None, None) => Ok(()),
            }
        };
        let inside = async {
            match place {
                Some(place) => prepared.give_two(place, address, inner.config.gateway()).await,
                None => prepared.give_address(address).await,
            }?;
            match inner.config.ipv6.filter(|_| place.is_none()) {
                Some(pool) => prepared.give_ipv6(pool.of(address)).await,
                None => Ok(()),
            }
        };
        tokio::try_join!(inside, on_host)?;
        tracing::debug!(%id, micros = begin.elapsed().as_micros(), "connected");
        Ok(prepared.namespaces)
    }

    /// Removes what is left of a group's network; nothing if there is nothing.
    pub async fn release(
        &self,
        id: &GroupId,
        endpoint: Option<Endpoint>,
    ) -> Result<(), NetworkError> {
        let closed = match endpoint {
            Some(endpoint) => self.set_open_ports(endpoint, BTreeSet::new()).await,
            None => Ok(()),
        };
        let inner = &self.inner;
        let name = inner.config.layout.veth(id);
        inner.links.remove(&name).await?;
        if inner.firewall.is_member(&name) {
            let _alone = inner.joining.lock().await;
            inner.firewall.set_member(&name, None).await?;
            inner.links.remove_networks(|network| !inner.firewall.has_members(network)).await?;
        }
        closed
    }

    /// Sees to it that the guards of a group's virtual network are as they should be.
    pub async fn guard(
        &self,
        id: &GroupId,
        place: Option<&PrivateAddress>,
    ) -> Result<(), NetworkError> {
        self.inner.firewall.set_member(&self.inner.config.layout.veth(id), place).await
    }

    /// Leads what groups ask of the daemon to these ports of the gateway.
    pub async fn answer_groups_at(&self, services: Services) -> Result<(), NetworkError> {
        self.inner.firewall.set_services(services).await
    }

    /// Lets these ports of an address through from outside, and no others.
    pub async fn set_open_ports(
        &self,
        endpoint: impl Into<Endpoint>,
        ports: BTreeSet<Port>,
    ) -> Result<(), NetworkError> {
        self.inner.firewall.set(endpoint.into(), ports).await
    }

    /// Puts the whole table back, whatever has become of it, with these ports open and no others.
    pub async fn rebuild(
        &self,
        open: BTreeMap<Endpoint, BTreeSet<Port>>,
    ) -> Result<(), NetworkError> {
        self.inner.firewall.rebuild(open).await
    }

    /// The ports of an address that are let through, as last set.
    pub fn open_ports(&self, endpoint: impl Into<Endpoint>) -> BTreeSet<Port> {
        self.inner.firewall.open_ports(endpoint.into())
    }

    /// Looks at what the kernel has.
    pub async fn inventory(&self) -> Result<NetworkInventory, NetworkError> {
        let inner = &self.inner;
        let seen = inner.firewall.look().await?;
        Ok(NetworkInventory {
            links: inner.links.groups().await?,
            has_table: seen.is_some(),
            open: seen.map(|seen| seen.open).unwrap_or_default(),
            has_gateway: inner.links.has_gateway().await?,
        })
    }

    /// Removes everything that no group needs any more: table and gateway. For uninstalling.
    pub async fn remove_all(&self) -> Result<(), NetworkError> {
        self.inner.preparer.stop();
        self.inner.ready.lock().await.close();
        self.inner.firewall.remove().await?;
        self.inner.links.remove_networks(|_| true).await?;
        if let Some(uplink) = &self.inner.config.uplink {
            // A link that has gone answers nobody any more.
            drop(set_proxy(uplink, false));
        }
        if let Some(pool) = self.inner.config.ipv6 {
            self.inner.links.remove_ipv6(pool).await;
        }
        self.inner.links.remove_gateway().await
    }
}

/// Has this host answer, or not, for the addresses of groups on a link, and at once.
fn set_proxy(uplink: &str, is_on: bool) -> Result<(), NetworkError> {
    let value = if is_on { "1" } else { "0" };
    write_setting(&format!("/proc/sys/net/ipv4/neigh/{uplink}/proxy_delay"), "0")?;
    write_setting(&format!("/proc/sys/net/ipv4/conf/{uplink}/proxy_arp"), value)
}

fn write_setting(path: &str, value: &str) -> Result<(), NetworkError> {
    if fs_err::read_to_string(path).is_ok_and(|present| present.trim() == value) {
        return Ok(());
    }
    let failed = |source| NetworkError::Setting { path: path.to_owned(), source };
    fs_err::write(path, value).map_err(failed)
}
