//! What passes to and from groups: one nftables table, with sets of open ports.
//!
//! A group's ports are elements of a set, so a change is one small atomic batch whatever the
//! number of groups; changes that arrive while `nft` runs go together in its next run. When
//! somebody else takes anything of the table away, it is put back at once.

mod batch;
mod elements;
mod rules;
mod seen;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::{
    process::Command,
    sync::{mpsc, oneshot},
};
use wharf_model::{network::PrivateAddress, spec::Port};

use super::{Endpoint, NetworkConfig, NetworkError, Services};
use batch::nft;
use elements::Elements;
use seen::Seen;
use watch::{Taken, Watch};

type Open = BTreeMap<Endpoint, BTreeSet<Port>>;

/// What the table is to hold.
#[derive(Clone, Debug, Default)]
struct State {
    open: Open,
    /// Links of groups in virtual networks; of those found at the start the place is not known.
    members: BTreeMap<String, Option<PrivateAddress>>,
    /// Ports of the gateway that answer groups.
    services: Option<Services>,
}

/// What is to be different.
enum Wish {
    Ports(Endpoint, BTreeSet<Port>),
    Member(String, Option<Box<PrivateAddress>>),
    Services(Services),
    /// These ports open and no others, in a table made anew.
    All(Open),
    /// No table at all, for good.
    Nothing,
}

struct Change {
    wish: Wish,
    done: oneshot::Sender<Result<(), NetworkError>>,
}

/// The table of this installation. What keeps it as it should be ends with the last clone.
#[derive(Clone, Debug)]
pub(super) struct Firewall {
    keeper: Keeper,
    changes: mpsc::UnboundedSender<Change>,
}

/// What changes the table, one batch at a time.
#[derive(Clone, Debug)]
struct Keeper {
    table: String,
    config: Arc<NetworkConfig>,
    state: Arc<Mutex<State>>,
}

impl Firewall {
    /// Makes or renews the rules; open ports and members that are there stay.
    pub(super) async fn start(config: &NetworkConfig) -> Result<Self, NetworkError> {
        let table = config.layout.nft_table();
        nft(&table, &rules::rules(config)).await?;
        let (changes, incoming) = mpsc::unbounded_channel();
        let keeper = Keeper { table, config: Arc::new(config.clone()), state: Arc::default() };
        let found = keeper.look().await?.unwrap_or_default();
        // What an earlier daemon published need not be what this one does.
        nft(&keeper.table, &keeper.elements(&found.open).anew(&keeper.table)).await?;
        *keeper.lock() = State { open: found.open, members: found.members, services: None };
        let watch = Watch::open(&keeper.table)
            .map_err(|error| keeper.failed(format!("watch the table: {error}")))?;
        tokio::spawn(keeper.clone().apply_all(incoming, watch));
        Ok(Self { keeper, changes })
    }

    pub(super) fn open_ports(&self, endpoint: Endpoint) -> BTreeSet<Port> {
        self.keeper.lock().open.get(&endpoint).cloned().unwrap_or_default()
    }

    pub(super) async fn set(
        &self,
        endpoint: Endpoint,
        ports: BTreeSet<Port>,
    ) -> Result<(), NetworkError> {
        self.change(Wish::Ports(endpoint, ports)).await
    }

    /// Says which virtual network a link belongs to, if any; nothing is done when that is so.
    pub(super) async fn set_member(
        &self,
        link: &str,
        place: Option<&PrivateAddress>,
    ) -> Result<(), NetworkError> {
        let is_so = match (self.keeper.lock().members.get(link), place) {
            (None, None) => true,
            (Some(Some(present)), Some(place)) => present == place,
            (Some(_), _) | (None, Some(_)) => false,
        };
        if is_so {
            return Ok(());
        }
        self.change(Wish::Member(link.to_owned(), place.cloned().map(Box::new))).await
    }

    /// Whether a link belongs to a virtual network.
    pub(super) fn is_member(&self, link: &str) -> bool {
        self.keeper.lock().members.contains_key(link)
    }

    /// Whether some link belongs to a virtual network; `true` as long as that is not known.
    pub(super) fn has_members(&self, network: u16) -> bool {
        let state = self.keeper.lock();
        let mut members = state.members.values();
        members.any(|place| place.as_ref().is_none_or(|place| place.network == network))
    }

    /// Leads what groups ask of the daemon to ports of the gateway.
    pub(super) async fn set_services(&self, services: Services) -> Result<(), NetworkError> {
        self.change(Wish::Services(services)).await
    }

    /// Makes the whole table anew, with these ports and no others.
    pub(super) async fn rebuild(&self, open: Open) -> Result<(), NetworkError> {
        self.change(Wish::All(open)).await
    }

    /// What the kernel has; `None` when the table is not there.
    pub(super) async fn look(&self) -> Result<Option<Seen>, NetworkError> {
        self.keeper.look().await
    }

    /// Removes the table; nothing can be changed afterwards.
    pub(super) async fn remove(&self) -> Result<(), NetworkError> {
        match self.change(Wish::Nothing).await {
            Err(NetworkError::Closed) | Ok(()) => Ok(()),
            failed => failed,
        }
    }

    async fn change(&self, wish: Wish) -> Result<(), NetworkError> {
        let (done, result) = oneshot::channel();
        self.changes.send(Change { wish, done }).map_err(|_| NetworkError::Closed)?;
        result.await.map_err(|_| NetworkError::Closed)?
    }
}

impl Keeper {
    async fn apply_all(self, mut incoming: mpsc::UnboundedReceiver<Change>, watch: Watch) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                count = incoming.recv_many(&mut batch, 512) => {
                    if count == 0 {
                        return;
                    }
                    if self.apply_batch(&mut batch, &watch).await == Extent::Nothing {
                        return;
                    }
                }
                () = watch.changed() => {
                    if watch.drain() != Taken::default() {
                        self.repair(&watch).await;
                    }
                }
            }
        }
    }

    async fn apply_batch(&self, batch: &mut Vec<Change>, watch: &Watch) -> Extent {
        let is_end = batch.iter().any(|change| matches!(change.wish, Wish::Nothing));
        let result = if is_end {
            self.remove().await.map(|()| Extent::Nothing)
        } else {
            self.apply(batch).await
        };
        // What we took away ourselves is no reason to repair; rules go only with the whole table
        // or with a member.
        let taken = watch.drain();
        for change in batch.drain(..) {
            // The error is the same for all; who gave up waiting does not want it.
            drop(change.done.send(match &result {
                Ok(_) => Ok(()),
                Err(reason) => Err(self.failed(reason.clone())),
            }));
        }
        let extent = result.unwrap_or(Extent::All);
        if extent == Extent::Elements && taken.rules {
            self.repair(watch).await;
        }
        extent
    }

    async fn repair(&self, watch: &Watch) {
        tracing::warn!(table = self.table, "somebody changed the firewall; putting it back");
        let state = self.lock().clone();
        if let Err(error) = nft(&self.table, &self.whole(&state)).await {
            let error = wharf_model::error::chain(&error);
            tracing::error!(error, "putting the firewall back failed");
        }
        watch.drain();
    }

    async fn apply(&self, batch: &[Change]) -> Result<Extent, String> {
        let have = self.lock().clone();
        let (mut next, mut extent) = (have.clone(), Extent::Elements);
        for change in batch {
            match &change.wish {
                Wish::Ports(endpoint, ports) => drop(next.open.insert(*endpoint, ports.clone())),
                Wish::Member(link, place) => {
                    extent = extent.max(Extent::Rules);
                    match place {
                        Some(place) => {
                            next.members.insert(link.clone(), Some(PrivateAddress::clone(place)))
                        }
                        None => next.members.remove(link),
                    };
                }
                Wish::Services(services) => {
                    extent = extent.max(Extent::Rules);
                    next.services = Some(*services);
                }
                Wish::All(open) => {
                    extent = Extent::All;
                    next.open.clone_from(open);
                }
                Wish::Nothing => {}
            }
        }
        next.open.retain(|_, ports| !ports.is_empty());
        // When the small change fails, somebody else has changed or deleted the table.
        if extent == Extent::All || nft(&self.table, &self.small(&have, &next)).await.is_err() {
            extent = Extent::All;
            let whole = self.whole(&next);
            nft(&self.table, &whole).await.map_err(|error| error.to_string())?;
        }
        *self.lock() = next;
        Ok(extent)
    }

    /// What leads from one state to another.
    fn small(&self, have: &State, next: &State) -> String {
        let mut text = String::new();
        for (link, place) in &have.members {
            if next.members.get(link) != Some(place) {
                text += &rules::no_member(&self.table, link);
            }
        }
        for (link, place) in &next.members {
            if have.members.get(link) != Some(place) {
                text += &self.member(link, place.as_ref());
            }
        }
        if let Some(services) = next.services.filter(|_| have.services != next.services) {
            text += &rules::services(&self.config, services);
        }
        text + &self.elements(&have.open).difference(&self.elements(&next.open), &self.table)
    }

    /// The whole table; members whose place is not known keep what the kernel has, if anything.
    fn whole(&self, state: &State) -> String {
        let table = &self.table;
        let mut text = rules::rules(&self.config);
        for (link, place) in state.members.iter().filter(|(_, place)| place.is_some()) {
            // Added first, so that there is something to take away.
            let member = self.member(link, place.as_ref());
            text += &(member.clone() + &rules::no_member(table, link) + &member);
        }
        if let Some(services) = state.services {
            text += &rules::services(&self.config, services);
        }
        text + &self.elements(&state.open).anew(table)
    }

    fn member(&self, link: &str, place: Option<&PrivateAddress>) -> String {
        place.map_or_else(String::new, |place| {
            rules::member(&self.table, link, self.config.mark(place.network), place)
        })
    }

    fn elements(&self, open: &Open) -> Elements {
        Elements::of(&self.config, open)
    }

    /// What the kernel has; `None` when the table is not there.
    async fn look(&self) -> Result<Option<Seen>, NetworkError> {
        let output = Command::new("nft")
            .args(["-j", "list", "table", "inet", &self.table])
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| self.failed(format!("run nft: {error}")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let is_absent = said.contains("No such file or directory");
            return if is_absent { Ok(None) } else { Err(self.failed(said.into_owned())) };
        }
        let listing: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| self.failed(format!("read its answer: {error}")))?;
        Ok(Some(seen::parse(&listing)))
    }

    async fn remove(&self) -> Result<(), String> {
        let table = &self.table;
        let batch = format!("add table inet {table}\ndelete table inet {table}\n");
        nft(table, &batch).await.map_err(|error| error.to_string())
    }

    fn failed(&self, reason: String) -> NetworkError {
        NetworkError::Firewall { table: self.table.clone(), reason }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much of the table a change touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Extent {
    Elements,
    Rules,
    All,
    /// There is no table any more.
    Nothing,
}
