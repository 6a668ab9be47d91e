//! The embedded backend: container groups as real containers on this Linux host.
//!
//! A pass is observe → [`plan`](wharf_model::plan::plan) → execute, until nothing is left to do for
//! now. Nothing is remembered between passes but courtesies: everything that exists is found by
//! looking, under names derived from the group's id.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
    sync::{Arc, Mutex},
};

use camino::Utf8PathBuf;
use jiff::Timestamp;
use wharf_image::{ErrorKind, ImageStore};
use wharf_model::{
    ContainerName, GroupId,
    backend::{Backend, BackendError, Desired, Disposition, ImageRefusal, LogQuery, Pass},
    clock::Clock,
    event::Occurrence,
    group::Power,
    network::{Ipv6Pool, Pools},
    plan::{Plan, plan},
    spec::{Port, RegistryCredential},
};
use wharf_shim::{
    cgroup::{self, CgroupError},
    paths::Layout,
    table::RunKey,
    userns,
};
use wharf_smb::Via;

use crate::{
    exec::{Command, ExecError, Session},
    logs::{self, Follower},
    network::{
        Network, NetworkConfig, NetworkError, Services,
        dns::{NEIGHBOURS, Names},
    },
    shims::{Found, Shims},
    volumes::{mounts::Mounts, share::FileShares},
};

mod disk;
pub mod doctor;
mod etc;
mod execute;
mod fetches;
mod kill;
mod lost_mounts;
mod observe;
mod outbox;
mod probes;
mod pull_progress;
mod pulls;
pub mod usage;

/// Called with the id of a group that is worth another look.
pub type HintFn = dyn Fn(&GroupId) + Send + Sync;

/// A [`HintFn`] to pass around.
#[derive(Clone)]
pub struct Hint(pub Arc<HintFn>);

impl Hint {
    /// Calls it.
    pub fn give(&self, id: &GroupId) {
        (self.0)(id);
    }
}

impl fmt::Debug for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hint")
    }
}

/// What the embedded backend needs to know.
#[derive(Debug)]
pub struct EmbeddedConfig {
    /// Where things are and how they are named.
    pub layout: Layout,
    /// Group addresses come from here; the store hands them out.
    pub pools: Pools,
    /// Their IPv6 addresses, if they have any.
    pub ipv6: Option<Ipv6Pool>,
    /// The link of a LAN that the pool is a part of.
    pub uplink: Option<String>,
    /// Whether open ports of public groups are also open at this host's own addresses.
    pub publishes_ports: bool,
    /// How many network namespaces are kept ready.
    pub prepared_networks: usize,
    /// Whether groups have users of their own where the host can do that.
    pub user_namespaces: bool,
    /// What one group may have on the disk, in bytes.
    pub disk_quota_bytes: u64,
    /// The names of groups; `None`: no name server, and groups resolve as the host does.
    pub names: Option<Names>,
    /// The `wharf` binary, to be run as `wharf shim`.
    pub executable: Utf8PathBuf,
    /// The images of this host.
    pub images: ImageStore,
    /// The file shares of this host.
    pub shares: Arc<dyn FileShares>,
    /// By what shares of other hosts are mounted.
    pub smb_client: Via,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Whom to tell that a group is worth another look.
    pub hint: Hint,
}

/// Why the backend could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The host's network cannot be used as configured.
    #[error("set up the network of groups")]
    Network(#[source] NetworkError),
    /// The processes of all groups together cannot be limited.
    #[error("limit the processes of groups")]
    Processes(#[source] CgroupError),
    /// It cannot be found out whether groups can have users of their own.
    #[error("look for user namespaces")]
    Users(#[source] std::io::Error),
    /// A directory cannot be made.
    #[error("create {path}")]
    Directory {
        /// Which one.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Container groups on this host.
#[derive(Clone, Debug)]
pub struct Embedded {
    layout: Layout,
    images: ImageStore,
    network: Network,
    shims: Shims,
    pulls: pulls::Pulls,
    fetches: fetches::Fetches,
    mounts: Mounts,
    probes: probes::Probes,
    hint: Hint,
    /// Where a group in a virtual network looks for its neighbours, if names are answered for.
    neighbours: Option<Arc<str>>,
    /// Groups whose shims tell us of starts and exits.
    subscribed: Arc<Mutex<HashSet<GroupId>>>,
}

/// Steps and looks per call at most; more work is left to the next call.
const ROUNDS_MAX: usize = 8;

impl Embedded {
    /// Prepares the host. Containers that run already are left alone and found by the first passes.
    pub async fn start(config: EmbeddedConfig) -> Result<Self, StartError> {
        for path in [config.layout.sandboxes(), config.layout.storages()] {
            fs_err::tokio::create_dir_all(&path)
                .await
                .map_err(|source| StartError::Directory { path, source })?;
        }
        cap_processes(&config.layout)?;
        let user_namespaces = config.user_namespaces && can_have_users(&config.layout).await?;
        let network = Network::start(NetworkConfig {
            layout: config.layout.clone(),
            user_namespaces,
            pools: config.pools,
            ipv6: config.ipv6,
            uplink: config.uplink,
            publishes_ports: config.publishes_ports,
            prepared: config.prepared_networks,
        })
        .await
        .map_err(StartError::Network)?;
        let mut neighbours = None;
        if let Some(names) = config.names {
            neighbours = Some(format!("{NEIGHBOURS}.{}", names.suffix).into());
            network.serve_names(names).await.map_err(StartError::Network)?;
        }
        let (clock, hint, program) = (config.clock, config.hint, config.executable);
        let shims = Shims::new(config.layout.clone(), program.clone());
        let mounts = Mounts::new(config.layout.clone(), program.clone(), config.smb_client);
        let embedded = Self {
            pulls: pulls::Pulls::new(config.images.clone(), Arc::clone(&clock), hint.clone()),
            fetches: fetches::Fetches::new(
                program,
                Arc::clone(&clock),
                hint.clone(),
                (config.shares, mounts.clone()),
            ),
            mounts,
            probes: probes::Probes::new(shims.clone(), clock, hint.clone()),
            layout: config.layout,
            images: config.images,
            network,
            shims,
            hint,
            neighbours,
            subscribed: Arc::default(),
        };
        embedded.watch_disk(config.disk_quota_bytes);
        embedded.watch_mounts();
        Ok(embedded)
    }

    /// Removes what is kept on the host for all groups together: link, route, firewall table and
    /// cgroup. Refuses while anything of a group exists.
    pub async fn uninstall(&self) -> Result<(), BackendError> {
        let about = || "remove what Wharf keeps on the host".to_owned();
        if let Some(id) = self.take_inventory().await?.groups().first() {
            let source = std::io::Error::other(format!("something of group {id} exists"));
            return Err(failed(about(), source));
        }
        self.network.remove_all().await.map_err(|source| failed(about(), source))?;
        crate::cgroups::remove_root(&self.layout)
            .map(drop)
            .map_err(|source| failed(about(), source))
    }

    /// Begins a command in a container.
    pub async fn exec(
        &self,
        id: &GroupId,
        container: &ContainerName,
        command: Command,
    ) -> Result<Session, ExecError> {
        self.shims.exec(id, container, command).await
    }

    /// What a container writes from now on; `None` if it does not run.
    pub async fn follow(
        &self,
        id: &GroupId,
        container: &ContainerName,
    ) -> Result<Option<Follower>, BackendError> {
        let about = || format!("follow the log of {container} in group {id}");
        let found = self.shims.state(id).await.map_err(|source| failed(about(), source))?;
        let Found::Alive(table) = found else { return Ok(None) };
        let Some(known) = table.containers.get(container) else { return Ok(None) };
        let Some(run) = known.runs.last().filter(|run| run.exit.is_none()) else {
            return Ok(None);
        };
        let (revision, start) = (known.revision, run.start);
        let path = self.layout.storage(id).log(container, revision.0, start);
        let run = RunKey { name: container.clone(), revision, start };
        let follower = Follower::from_now_on(self.shims.clone(), id.clone(), run, path).await;
        follower.map(Some).map_err(|source| failed(about(), source))
    }

    /// Where names of groups are answered for.
    pub fn name_server(&self) -> std::net::Ipv4Addr {
        self.network.gateway()
    }

    /// The ports of an address of the pool that let others in now.
    pub fn open_ports(&self, address: std::net::Ipv4Addr) -> BTreeSet<Port> {
        self.network.open_ports(address)
    }

    /// Leads what groups ask of the daemon to ports of the name server's address.
    pub async fn answer_groups_at(&self, services: Services) -> Result<(), StartError> {
        self.network.answer_groups_at(services).await.map_err(StartError::Network)
    }

    fn pass(&self, desired: &Desired, plan: Plan, told: &mut Vec<Occurrence>, again: bool) -> Pass {
        told.extend(plan.occurrences);
        told.extend(self.pulls.occurrences(&desired.id));
        told.extend(self.fetches.occurrences(&desired.id));
        told.extend(self.probes.occurrences(&desired.id));
        let is_gone = desired.power == Power::Deleted && plan.is_settled;
        if is_gone {
            self.pulls.forget(&desired.id);
            self.probes.forget(&desired.id);
        }
        Pass {
            status: plan.status,
            occurrences: std::mem::take(told),
            is_settled: plan.is_settled,
            is_gone,
            again,
            wake_at: plan.wake_at,
        }
    }
}

impl Backend for Embedded {
    async fn reconcile(&self, now: Timestamp, desired: &Desired) -> Result<Pass, BackendError> {
        let mut told = Vec::new();
        let mut rounds = 0;
        loop {
            let observed = self.observe(desired).await?;
            let plan = plan(now, desired, &observed);
            rounds += 1;
            if plan.steps.is_empty() || rounds == ROUNDS_MAX {
                let again = plan.record_first || !plan.steps.is_empty();
                return Ok(self.pass(desired, plan, &mut told, again));
            }
            tracing::debug!(group = %desired.id, steps = ?plan.steps, "executing");
            for step in &plan.steps {
                fail::fail_point!("step.before", |_| std::process::abort());
                self.execute(desired, step).await?;
                fail::fail_point!("step.after", |_| std::process::abort());
            }
            told.extend(plan.occurrences);
        }
    }

    async fn inventory(&self) -> Result<Vec<GroupId>, BackendError> {
        let found = self.take_inventory().await?;
        Ok(found.groups().into_iter().collect())
    }

    async fn remove_orphan(&self, id: &GroupId) -> Result<(), BackendError> {
        self.remove_sandbox(id, None).await?;
        self.remove_storage(id).await
    }

    async fn check_image(
        &self,
        image: &str,
        credentials: &[RegistryCredential],
    ) -> Result<(), ImageRefusal> {
        let credentials = pulls::credentials(credentials);
        let Err(error) = self.images.check(image, &credentials).await else { return Ok(()) };
        Err(match error.kind() {
            ErrorKind::Registry => {
                let registry = wharf_image::registry_of(image).unwrap_or_default();
                ImageRefusal::Registry { registry, source: error.into() }
            }
            ErrorKind::InvalidReference
            | ErrorKind::NotFound
            | ErrorKind::Denied
            | ErrorKind::Corrupt
            | ErrorKind::Policy
            | ErrorKind::Disk => {
                let (image, advice) = (image.to_owned(), error.advice());
                ImageRefusal::Inaccessible { image, advice, source: error.into() }
            }
        })
    }

    async fn logs(
        &self,
        id: &GroupId,
        container: &ContainerName,
        query: LogQuery,
    ) -> Result<Option<String>, BackendError> {
        let (storage, name) = (self.layout.storage(id), container.clone());
        let about = format!("read the log of {container} in group {id}");
        blocking(about.clone(), move || logs::read_latest(&storage, &name, query))
            .await?
            .map_err(|source| failed(about, source))
    }
}

/// Whether groups can have users of their own; if not, the log says why.
async fn can_have_users(layout: &Layout) -> Result<bool, StartError> {
    let directories = [layout.storages(), layout.sandboxes()];
    let look = move || userns::obstacle(&[&directories[0], &directories[1]]);
    let found = tokio::task::spawn_blocking(look).await.unwrap_or_else(|e| Err(e.into()));
    let obstacle = found.map_err(StartError::Users)?;
    if let Some(reason) = &obstacle {
        tracing::warn!(reason, "root in containers is the host's root");
    }
    Ok(obstacle.is_none())
}

/// All groups together get half of the processes and threads that the kernel can have, so that
/// the other half is left to the host whatever they do.
fn cap_processes(layout: &Layout) -> Result<(), StartError> {
    let limit = |name: &str| {
        let text = fs_err::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let known = [limit("pid_max"), limit("threads-max")].into_iter().flatten().min();
    let Some(known) = known else { return Ok(()) };
    cgroup::cap_processes(&layout.cgroup_root(), known / 2).map_err(StartError::Processes)
}

/// A failure that is worth another try.
fn failed(
    operation: String,
    source: impl std::error::Error + Send + Sync + 'static,
) -> BackendError {
    BackendError { disposition: Disposition::Retry, operation, source: Box::new(source) }
}

/// Runs what blocks on files where that holds nobody up.
async fn blocking<T: Send + 'static>(
    about: String,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BackendError> {
    tokio::task::spawn_blocking(work).await.map_err(|source| failed(about, source))
}
