//! An address of its own for every group: routed, no bridge, nothing mapped on the way in.
//!
//! A group's network namespace is held by its shim alone, so it vanishes with the shim. Namespaces
//! with their veth pair are made ahead of time and held by file descriptor only, so those that
//! nobody took vanish with the daemon. The host answers for the gateway address, which sits on a
//! link of its own; every group has a host route to its veth; one nftables table decides what passes.

mod firewall;
mod links;
mod namespaces;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::Ipv4Addr,
    os::fd::OwnedFd,
    sync::Arc,
};

use ipnet::Ipv4Net;
use tokio::sync::{Mutex, mpsc};
use wharf_model::{GroupId, spec::Port};
use wharf_shim::paths::Layout;

use firewall::Firewall;
use links::Links;
use namespaces::{Prepared, Preparer};

/// How the network of groups is set up.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// How things are named.
    pub layout: Layout,
    /// Group addresses; the first is the gateway's.
    pub pool: Ipv4Net,
    /// How many namespaces are kept ready.
    pub prepared: usize,
}

impl NetworkConfig {
    /// The address that groups see as their gateway and the host's connections come from.
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.pool.network()) + 1)
    }
}

/// A failure of the network.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The pool is in use for something else.
    #[error("address pool {pool} overlaps the host's route to {route}; choose another pool")]
    Overlap {
        /// What was configured.
        pool: Ipv4Net,
        /// What is there.
        route: String,
    },
    /// The pool has no room for groups.
    #[error("address pool {pool} is too small; a prefix of 29 bits at most is needed")]
    TooSmall {
        /// What was configured.
        pool: Ipv4Net,
    },
    /// A setting of the kernel cannot be written.
    #[error("write {path}")]
    Setting {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A netlink request failed.
    #[error("{operation}")]
    Netlink {
        /// What was being done, with its subject.
        operation: String,
        /// Why.
        #[source]
        source: rtnetlink::Error,
    },
    /// A namespace cannot be made.
    #[error("make a network namespace")]
    Namespace(#[source] io::Error),
    /// `nft` failed.
    #[error("change nftables table {table}: {reason}")]
    Firewall {
        /// The table.
        table: String,
        /// What it said.
        reason: String,
    },
    /// A background task has ended.
    #[error("the network has been shut down")]
    Closed,
}

/// What the kernel has of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkInventory {
    /// Links of groups, by group.
    pub links: BTreeMap<GroupId, String>,
    /// Open ports by address, as the kernel has them.
    pub open: BTreeMap<Ipv4Addr, BTreeSet<Port>>,
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
    preparer: Preparer,
}

impl Network {
    /// Prepares the host. What an earlier daemon of this installation left for groups that run is
    /// kept as it is.
    pub async fn start(mut config: NetworkConfig) -> Result<Self, NetworkError> {
        config.pool = config.pool.trunc();
        if config.pool.prefix_len() > 29 {
            return Err(NetworkError::TooSmall { pool: config.pool });
        }
        let links = Links::open(&config)?;
        links.check_overlap().await?;
        write_setting("/proc/sys/net/ipv4/ip_forward", "1")?;
        links.ensure_gateway().await?;
        links.remove_unclaimed().await?;
        let firewall = Firewall::start(&config).await?;
        let preparer = Preparer::new(config.clone(), links.clone());
        let ready = Mutex::new(preparer.clone().run(config.prepared.max(1)));
        Ok(Self { inner: Arc::new(Inner { config, links, firewall, ready, preparer }) })
    }

    /// A network namespace with the group's address, connected, for the group's shim to enter.
    /// Whatever the group had before is replaced.
    pub async fn take(&self, id: &GroupId, address: Ipv4Addr) -> Result<OwnedFd, NetworkError> {
        let inner = &self.inner;
        let prepared = match inner.ready.lock().await.try_recv() {
            Ok(prepared) => prepared,
            Err(_) => inner.preparer.prepare().await?,
        };
        let name = inner.config.layout.veth(id);
        let on_host = async {
            if inner.links.remove(&name).await? {
                tracing::debug!(%id, "replaced an older veth");
            }
            inner.links.claim(&prepared, &name, address).await
        };
        tokio::try_join!(prepared.give_address(address), on_host)?;
        Ok(prepared.namespace)
    }

    /// Removes what is left of a group's network; nothing if there is nothing.
    pub async fn release(
        &self,
        id: &GroupId,
        address: Option<Ipv4Addr>,
    ) -> Result<(), NetworkError> {
        let closed = match address {
            Some(address) => self.set_open_ports(address, BTreeSet::new()).await,
            None => Ok(()),
        };
        self.inner.links.remove(&self.inner.config.layout.veth(id)).await?;
        closed
    }

    /// Lets these ports of an address through from outside, and no others.
    pub async fn set_open_ports(
        &self,
        address: Ipv4Addr,
        ports: BTreeSet<Port>,
    ) -> Result<(), NetworkError> {
        self.inner.firewall.set(address, ports).await
    }

    /// Puts the whole table back, whatever has become of it, with these ports open and no others.
    pub async fn rebuild(
        &self,
        open: BTreeMap<Ipv4Addr, BTreeSet<Port>>,
    ) -> Result<(), NetworkError> {
        self.inner.firewall.rebuild(open).await
    }

    /// The ports of an address that are let through, as last set.
    pub fn open_ports(&self, address: Ipv4Addr) -> BTreeSet<Port> {
        self.inner.firewall.open_ports(address)
    }

    /// Looks at what the kernel has.
    pub async fn inventory(&self) -> Result<NetworkInventory, NetworkError> {
        let inner = &self.inner;
        let open = inner.firewall.look().await?;
        Ok(NetworkInventory {
            links: inner.links.groups().await?,
            has_table: open.is_some(),
            open: open.unwrap_or_default(),
            has_gateway: inner.links.has_gateway().await?,
        })
    }

    /// Removes everything that no group needs any more: table and gateway. For uninstalling.
    pub async fn remove_all(&self) -> Result<(), NetworkError> {
        self.inner.preparer.stop();
        self.inner.ready.lock().await.close();
        self.inner.firewall.remove().await?;
        self.inner.links.remove_gateway().await
    }
}

fn write_setting(path: &str, value: &str) -> Result<(), NetworkError> {
    if fs_err::read_to_string(path).is_ok_and(|present| present.trim() == value) {
        return Ok(());
    }
    let failed = |source| NetworkError::Setting { path: path.to_owned(), source };
    fs_err::write(path, value).map_err(failed)
}
