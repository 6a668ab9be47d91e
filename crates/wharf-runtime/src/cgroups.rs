//! The cgroups of groups as the daemon sees them: what is in them, and clearing them away.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use wharf_model::GroupId;
use wharf_shim::{
    cgroup::{self, CgroupError},
    paths::Layout,
};

/// How long killed processes may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// A cgroup that could not be cleared.
#[derive(Debug, thiserror::Error)]
pub enum CgroupsError {
    /// A directory cannot be removed.
    #[error("remove cgroup {cgroup}")]
    Remove {
        /// The cgroup.
        cgroup: String,
        /// Why.
        #[source]
        source: CgroupError,
    },
    /// Processes survive SIGKILL, in an uninterruptible wait for example.
    #[error("processes {pids:?} of cgroup {cgroup} do not end")]
    Survivors {
        /// The cgroup.
        cgroup: String,
        /// Which.
        pids: Vec<u32>,
    },
}

/// Whether the group has a cgroup in any hierarchy.
pub fn exists(layout: &Layout, id: &GroupId) -> bool {
    cgroup::exists(&layout.cgroup(id))
}

/// The processes of the group, its shim among them.
pub fn pids(layout: &Layout, id: &GroupId) -> Vec<u32> {
    cgroup::pids(&layout.cgroup(id))
}

/// The groups with a cgroup in any hierarchy.
pub fn scan(layout: &Layout) -> Vec<GroupId> {
    let names = cgroup::child_names(&layout.cgroup_root());
    names.iter().filter_map(|name| GroupId::parse(name)).collect()
}

/// Kills all processes of the group and removes its cgroups; nothing if there are none.
pub async fn clear(layout: &Layout, id: &GroupId) -> Result<(), CgroupsError> {
    let cgroup = layout.cgroup(id);
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_micros(500);
    loop {
        cgroup::kill(&cgroup);
        let removed = cgroup::remove(&cgroup)
            .map_err(|source| CgroupsError::Remove { cgroup: cgroup.clone(), source })?;
        if removed {
            return Ok(());
        }
        if Instant::now() > deadline {
            let pids = cgroup::pids(&cgroup);
            return Err(CgroupsError::Survivors { cgroup, pids });
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Removes the cgroup of the whole installation if no group is left in it; whether it is gone.
pub fn remove_root(layout: &Layout) -> Result<bool, CgroupsError> {
    let cgroup = layout.cgroup_root();
    if !scan(layout).is_empty() {
        return Ok(false);
    }
    cgroup::remove(&cgroup).map_err(|source| CgroupsError::Remove { cgroup, source })
}
