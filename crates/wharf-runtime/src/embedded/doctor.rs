//! Whether the host can run groups, and whether what is on it is what should be: the invariant
//! checker behind `wharf doctor`.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use camino::Utf8Path;
use serde::Serialize;
use wharf_model::{GroupId, backend::BackendError};
use wharf_shim::paths::Layout;

use super::{Embedded, failed};
use crate::{
    cgroups,
    network::{Endpoint, NetworkInventory},
    shims::Found,
    volumes::mounts,
};

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What is wrong, one line each; or what was found.
    pub details: Vec<String>,
}

impl Check {
    /// A check that is good when nothing is wrong.
    pub fn new(name: &str, wrong: Vec<String>) -> Self {
        Self { name: name.to_owned(), ok: wrong.is_empty(), details: wrong }
    }
}

/// What the store knows of a group.
#[derive(Clone, Debug)]
pub struct Known {
    /// Which group.
    pub id: GroupId,
    /// Where it is reached.
    pub endpoint: Option<Endpoint>,
    /// Whether it has settled with containers that run.
    pub is_running: bool,
    /// Whether it has settled with nothing that runs.
    pub is_at_rest: bool,
}

/// Everything that exists of groups.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    sandboxes: BTreeSet<GroupId>,
    storages: BTreeSet<GroupId>,
    cgroups: BTreeSet<GroupId>,
    processes: BTreeMap<GroupId, Vec<u32>>,
    mounts: BTreeSet<GroupId>,
    network: NetworkInventory,
}

impl Inventory {
    /// The groups of which something exists.
    pub fn groups(&self) -> BTreeSet<GroupId> {
        let links = self.network.links.keys();
        let processes = self.processes.keys();
        let found = self.sandboxes.iter().chain(&self.storages).chain(&self.cgroups);
        found.chain(links).chain(processes).chain(&self.mounts).cloned().collect()
    }
}

impl Embedded {
    /// Looks for everything that exists of groups.
    pub async fn take_inventory(&self) -> Result<Inventory, BackendError> {
        let sandboxes = self
            .shims
            .scan()
            .await
            .map_err(|source| failed("list the sandboxes".to_owned(), source))?;
        let network = self
            .network
            .inventory()
            .await
            .map_err(|source| failed("look at the network".to_owned(), source))?;
        Ok(Inventory {
            sandboxes: sandboxes.into_iter().collect(),
            storages: directories(&self.layout.storages()),
            cgroups: cgroups::scan(&self.layout).into_iter().collect(),
            processes: shim_processes(&self.layout),
            mounts: self.mounts.scan(),
            network,
        })
    }

    /// Compares what exists with what the store knows, and the host with what is needed.
    pub async fn doctor(&self, known: &[Known]) -> Vec<Check> {
        let mut checks = host_checks();
        match self.take_inventory().await {
            Ok(found) => checks.extend(self.group_checks(known, &found).await),
            Err(error) => {
                let wrong = vec![wharf_model::error::chain(&error)];
                checks.push(Check::new("inventory", wrong));
            }
        }
        checks
    }

    async fn group_checks(&self, known: &[Known], found: &Inventory) -> Vec<Check> {
        let ids: HashSet<&GroupId> = known.iter().map(|group| &group.id).collect();
        let endpoints: BTreeSet<Endpoint> = known.iter().filter_map(|g| g.endpoint).collect();
        let resting: HashSet<&GroupId> =
            known.iter().filter(|g| g.is_at_rest).map(|g| &g.id).collect();
        let orphans = |what: &str, present: Vec<&GroupId>, may_rest: bool| {
            let wrong = present
                .into_iter()
                .filter(|id| !ids.contains(id) || (!may_rest && resting.contains(id)))
                .map(|id| format!("{what} of group {id} has no running group"))
                .collect();
            Check::new(&format!("no orphaned {what}"), wrong)
        };
        let mut checks = vec![
            orphans("sandbox", found.sandboxes.iter().collect(), false),
            orphans("storage", found.storages.iter().collect(), true),
            orphans("cgroup", found.cgroups.iter().collect(), false),
            orphans("network link", found.network.links.keys().collect(), false),
            orphans("shim process", found.processes.keys().collect(), false),
            orphans("mount", found.mounts.iter().collect(), false),
        ];
        let strays = found.network.open.keys().filter(|at| !endpoints.contains(at));
        let wrong = strays.map(|at| format!("ports of {at} are open for no group")).collect();
        checks.push(Check::new("no orphaned firewall rule", wrong));
        checks.push(Check::new("one shim per group", several(&found.processes)));
        let mut wrong = Vec::new();
        for group in known.iter().filter(|group| group.is_running) {
            match self.shims.state(&group.id).await {
                Ok(Found::Alive(_)) => {}
                Ok(_) => wrong.push(format!("group {} should run but has no shim", group.id)),
                Err(error) => wrong.push(wharf_model::error::chain(&error)),
            }
        }
        checks.push(Check::new("running groups have shims", wrong));
        checks.push(self.mounts_check(known, found));
        let mut wrong = Vec::new();
        if !found.network.has_table {
            wrong.push(format!("nftables table {} is missing", self.layout.nft_table()));
        }
        if !found.network.has_gateway {
            wrong.push(format!("link {} is missing", self.layout.gateway_link()));
        }
        checks.push(Check::new("network is set up", wrong));
        checks
    }
}

impl Embedded {
    /// Mounts are served, and whoever serves one has a place.
    fn mounts_check(&self, known: &[Known], found: &Inventory) -> Check {
        let running = known.iter().filter(|group| group.is_running);
        let unserved = running.flat_map(|group| self.mounts.unserved(&group.id));
        let mut wrong: Vec<String> =
            unserved.map(|place| format!("nobody serves the share at {}", place.dir())).collect();
        let here = format!("{}/", self.layout.mounts());
        let mounted = fs_err::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        for (_, path) in mounts::devices(&mounted) {
            let Some(rest) = path.strip_prefix(&here) else { continue };
            let group = rest.split('/').next().and_then(GroupId::parse);
            if !group.is_some_and(|id| found.mounts.contains(&id)) {
                wrong.push(format!("{path} is mounted for no group"));
            }
        }
        Check::new("shares of other hosts are served", wrong)
    }
}

fn several(processes: &BTreeMap<GroupId, Vec<u32>>) -> Vec<String> {
    let many = processes.iter().filter(|(_, pids)| pids.len() > 1);
    many.map(|(id, pids)| format!("group {id} has shims {pids:?}")).collect()
}

fn directories(path: &Utf8Path) -> BTreeSet<GroupId> {
    let entries = path.read_dir_utf8().into_iter().flatten().flatten();
    entries.filter_map(|entry| GroupId::parse(entry.file_name())).collect()
}

/// Shims of this installation among all processes of the host, by group. A container's process
/// that is still a copy of its shim counts for the shim: only processes that lead a session do.
fn shim_processes(layout: &Layout) -> BTreeMap<GroupId, Vec<u32>> {
    let mut found: BTreeMap<GroupId, Vec<u32>> = BTreeMap::new();
    let entries = Utf8Path::new("/proc").read_dir_utf8().into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().parse::<u32>().ok()) {
        let Ok(line) = fs_err::read_to_string(format!("/proc/{pid}/cmdline")) else { continue };
        let args: Vec<&str> = line.split('\0').collect();
        let value = |flag: &str| {
            args.iter().position(|arg| *arg == flag).and_then(|at| args.get(at + 1)).copied()
        };
        let is_ours = args.get(1) == Some(&"shim")
            && value("--instance") == Some(layout.instance.as_str())
            && value("--run-dir") == Some(layout.run_dir.as_str());
        if let (true, Some(id)) = (is_ours, value("--group").and_then(GroupId::parse)) {
            found.entry(id).or_default().push(pid);
        }
    }
    found
}

fn host_checks() -> Vec<Check> {
    let root = if nix::unistd::geteuid().is_root() { vec![] } else { vec!["not root".to_owned()] };
    let filesystems = fs_err::read_to_string("/proc/filesystems").unwrap_or_default();
    let has = |name: &str| filesystems.lines().any(|line| line.ends_with(name));
    let overlay = if has("\toverlay") { vec![] } else { vec!["no overlayfs".to_owned()] };
    let nft = std::env::split_paths("/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin")
        .any(|dir| dir.join("nft").is_file());
    let nft = if nft { vec![] } else { vec!["the program nft is not installed".to_owned()] };
    let seccomp = fs_err::read_to_string("/proc/sys/kernel/seccomp/actions_avail");
    let seccomp =
        if seccomp.is_ok() { vec![] } else { vec!["the kernel has no seccomp".to_owned()] };
    let controllers = if Utf8Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
        || Utf8Path::new("/sys/fs/cgroup/memory").is_dir()
    {
        vec![]
    } else {
        vec!["no memory controller is mounted in /sys/fs/cgroup".to_owned()]
    };
    vec![
        Check::new("runs as root", root),
        Check::new("kernel has overlayfs", overlay),
        Check::new("kernel has seccomp", seccomp),
        Check::new("cgroups are mounted", controllers),
        Check::new("nftables is installed", nft),
    ]
}
