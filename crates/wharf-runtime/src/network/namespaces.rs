//! Network namespaces made ahead of time.
//!
//! A thread of its own enters every new namespace, since a worker of the runtime must never be
//! moved; what it hands over is a file descriptor and a netlink socket that stays inside.

use std::{
    collections::HashSet,
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use ipnet::Ipv4Net;
use nix::sched::{CloneFlags, setns};
use rtnetlink::{Handle, LinkUnspec, RouteMessageBuilder, packet_route::route::RouteScope};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use wharf_model::{GroupId, network::PrivateAddress};
use wharf_shim::{
    paths::Layout,
    userns::{IdRange, Namespaces},
};

use super::{
    NetworkConfig, NetworkError,
    links::{Links, connect, failed, index_of},
};

/// A namespace with `lo` and `eth0` up and routes, but no address, and its other end on the host, down and unnamed.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The namespace and its owner; they vanish when the last descriptor and process have left.
    pub(super) namespaces: Namespaces,
    /// The host's end.
    pub(super) host_index: u32,
    inside: Handle,
    inside_index: u32,
}

impl Prepared {
    /// The group's own address.
    pub(super) async fn give_address(&self, address: Ipv4Addr) -> Result<(), NetworkError> {
        let new = self.inside.address().add(self.inside_index, address.into(), 32);
        new.execute().await.map_err(failed(format!("give {address} to eth0 of a group")))
    }

    /// An address in a virtual network, which speaks to that network, and one of the pool, which
    /// speaks to everything else.
    pub(super) async fn give_two(
        &self,
        place: &PrivateAddress,
        address: Ipv4Addr,
        gateway: Ipv4Addr,
    ) -> Result<(), NetworkError> {
        self.give_address(place.address).await?;
        self.give_address(address).await?;
        let via = |prefix: Ipv4Net, source: Ipv4Addr| {
            RouteMessageBuilder::<Ipv4Addr>::new()
                .output_interface(self.inside_index)
                .destination_prefix(prefix.network(), prefix.prefix_len())
                .gateway(gateway)
                .pref_source(source)
                .build()
        };
        let inside = place.ranges.iter().map(|range| via(*range, place.address));
        let direct = RouteMessageBuilder::<Ipv4Addr>::new()
            .output_interface(self.inside_index)
            .destination_prefix(gateway, 32)
            .scope(RouteScope::Link)
            .pref_source(address)
            .build();
        let all = [direct, via(Ipv4Net::default(), address)].into_iter().chain(inside);
        for route in all {
            let about = failed(format!("route a group through {gateway}"));
            self.inside.route().add(route).replace().execute().await.map_err(about)?;
        }
        Ok(())
    }

    /// How to change the end inside.
    pub(super) fn inside(&self) -> (&Handle, u32) {
        (&self.inside, self.inside_index)
    }

    /// Everything goes through the gateway; needs no address yet.
    async fn route_to(&self, gateway: Ipv4Addr) -> Result<(), NetworkError> {
        let link = RouteMessageBuilder::<Ipv4Addr>::new().output_interface(self.inside_index);
        let direct = link.clone().destination_prefix(gateway, 32).scope(RouteScope::Link).build();
        for route in [direct, link.gateway(gateway).build()] {
            let about = failed(format!("route a group through {gateway}"));
            self.inside.route().add(route).execute().await.map_err(about)?;
        }
        Ok(())
    }
}

/// How long after a namespace was taken the next is made, while most of the stock is there.
const REFILL_PAUSE: std::time::Duration = std::time::Duration::from_millis(25);

type Made = io::Result<(Namespaces, Handle)>;

/// Makes namespaces.
#[derive(Clone, Debug)]
pub(super) struct Preparer {
    config: NetworkConfig,
    links: Links,
    orders: std::sync::mpsc::Sender<oneshot::Sender<Made>>,
    made: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl Preparer {
    pub(super) fn new(config: NetworkConfig, links: Links) -> Self {
        let (orders, incoming) = std::sync::mpsc::channel::<oneshot::Sender<Made>>();
        let runtime = tokio::runtime::Handle::current();
        let mut ranges = config.user_namespaces.then(|| Ranges::of(&config.layout));
        std::thread::spawn(move || {
            // Sockets register with the runtime that this guard names.
            let _context = runtime.enter();
            while let Ok(order) = incoming.recv() {
                let ids = ranges.as_mut().map(Ranges::next);
                // Nobody waits any more: the namespace vanishes with its descriptor.
                drop(order.send(make_namespace(ids)));
            }
        });
        let (made, stop) = (Arc::default(), CancellationToken::new());
        Self { config, links, orders, made, stop }
    }

    /// Keeps `ready` namespaces in stock.
    pub(super) fn run(self, ready: usize) -> mpsc::Receiver<Prepared> {
        let (sender, receiver) = mpsc::channel(ready);
        tokio::spawn(async move {
            while let Some(Ok(room)) = self.stop.run_until_cancelled(sender.reserve()).await {
                // Making a link holds up whoever changes another: not the group that has just
                // taken one, as long as there is enough for the next.
                if sender.capacity() < ready / 2 {
                    tokio::time::sleep(REFILL_PAUSE).await;
                }
                match self.prepare().await {
                    Ok(prepared) => room.send(prepared),
                    Err(error) => {
                        let error = wharf_model::error::chain(&error);
                        tracing::warn!(error, "preparing a network failed");
                        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                    }
                }
            }
        });
        receiver
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Makes one namespace now.
    pub(super) async fn prepare(&self) -> Result<Prepared, NetworkError> {
        let (order, made) = oneshot::channel();
        self.orders.send(order).map_err(|_| NetworkError::Closed)?;
        let (namespaces, inside) =
            made.await.map_err(|_| NetworkError::Closed)?.map_err(NetworkError::Namespace)?;
        // Not a group's id, so that the name tells that nobody has claimed it.
        let number = self.made.fetch_add(1, Ordering::Relaxed) % 100_000_000;
        let name = format!("{}-{number}", self.config.layout.veth_prefix());
        let host_index = self.links.make_pair(&name, &namespaces.network).await?;
        let inside_index = index_of(&inside, "eth0").await?.ok_or(NetworkError::Closed)?;
        for index in [1, inside_index] {
            let up = LinkUnspec::new_with_index(index).up().build();
            inside.link().set(up).execute().await.map_err(failed("bring up a group's links"))?;
        }
        let prepared = Prepared { namespaces, host_index, inside, inside_index };
        prepared.route_to(self.config.gateway()).await?;
        Ok(prepared)
    }
}

/// The calling thread is back in its own namespace afterwards, so that it holds none of a group.
fn make_namespace(ids: Option<IdRange>) -> Made {
    let namespaces = Namespaces::make(ids)?;
    let own = fs_err::File::open("/proc/thread-self/ns/net")?;
    setns(&namespaces.network, CloneFlags::CLONE_NEWNET)?;
    let inside = connect();
    setns(&own, CloneFlags::CLONE_NEWNET)?;
    Ok((namespaces, inside?))
}

/// Hands out ranges of users, one after the other, that no group has.
#[derive(Debug)]
struct Ranges {
    layout: Layout,
    next: IdRange,
}

impl Ranges {
    /// Installations begin at places of their own.
    fn of(layout: &Layout) -> Self {
        let hash = |hash: u32, byte: &u8| hash.wrapping_mul(31).wrapping_add(u32::from(*byte));
        let start = layout.instance.as_str().as_bytes().iter().fold(0, hash);
        let taken = taken(layout).into_iter().max().map(IdRange::next);
        Self { layout: layout.clone(), next: taken.unwrap_or_else(|| IdRange::nth(start)) }
    }

    fn next(&mut self) -> IdRange {
        let taken = taken(&self.layout);
        let ranges = std::iter::successors(Some(self.next), |range| Some(range.next()));
        let free = ranges.take(IdRange::COUNT as usize).find(|range| !taken.contains(range));
        let range = free.unwrap_or(self.next);
        self.next = range.next();
        range
    }
}

/// The ranges of all groups with a sandbox.
fn taken(layout: &Layout) -> HashSet<IdRange> {
    let Ok(sandboxes) = layout.sandboxes().read_dir_utf8() else { return HashSet::new() };
    let range = |entry: camino::Utf8DirEntry| {
        let id = GroupId::parse(entry.file_name())?;
        IdRange::parse(&fs_err::read_to_string(layout.sandbox(&id).ids()).ok()?)
    };
    sandboxes.flatten().filter_map(range).collect()
}
