//! The pure planner: what is desired, what was observed, what to do next.
//!
//! [`plan`] does no I/O, reads no clock and remembers nothing. A pass is always the same three
//! calls: observe, plan, execute; after a daemon restart it is only another pass. Every [`Step`]
//! is idempotent and everything it touches is named after the group, so a half-done step is found
//! by looking.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    ContainerName, Generation,
    backend::Desired,
    event::Occurrence,
    group::Power,
    spec::Port,
    status::{GroupStatus, Run},
};

mod ending;
mod history;
mod running;
mod telling;
#[cfg(test)]
mod tests;

/// The shim of a group with its namespaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// Nothing is there.
    #[default]
    Absent,
    /// The shim answers.
    Alive,
    /// The shim is gone but something of the group remains (processes, cgroups, files).
    Dead,
}

/// The group's directory with logs, volumes and writable layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// Not there.
    #[default]
    Absent,
    /// Only what outlives a stop: the logs.
    LogsOnly,
    /// Volumes and writable layers as well.
    Full,
}

/// One container as the shim, or the journal of a dead shim, tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerObs {
    /// The revision it was started in.
    pub revision: Generation,
    /// Its latest runs in this sandbox, oldest first.
    pub runs: Vec<Run>,
    /// When SIGTERM was sent to the present run.
    pub term_sent_at: Option<Timestamp>,
    /// Whether SIGKILL was sent to the present run.
    pub is_killed: bool,
    /// Whether the kernel would throw SIGTERM away: the first process of a PID namespace that has
    /// no handler for it never sees it (`pid_namespaces(7)`).
    pub ignores_term: bool,
    /// When the present run's liveness probe had failed often enough.
    pub unhealthy_since: Option<Timestamp>,
    /// What the present run's readiness probe says.
    pub readiness: Readiness,
}

/// What a readiness probe says of the present run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readiness {
    /// Nothing yet, and the run is older than the prober: as it was before.
    #[default]
    Unknown,
    /// It has failed, or has not yet succeeded since the run began.
    NotReady,
    /// It has succeeded.
    Ready,
}

/// A volume that is fetched from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeObs {
    /// Not here, and nobody is fetching it.
    Absent,
    /// On its way.
    Fetching,
    /// Here.
    Ready,
    /// The last try failed.
    Failed {
        /// When to try again.
        retry_at: Timestamp,
    },
}

/// An image on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageObs {
    /// Not here, and nobody is fetching it.
    Absent,
    /// On its way.
    Pulling,
    /// Here.
    Present,
    /// The last try failed.
    Failed {
        /// Why, for the user.
        message: String,
        /// When to try again.
        retry_at: Timestamp,
    },
}

/// What exists of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The group's directory.
    pub storage: Storage,
    /// The shim and its namespaces.
    pub sandbox: Sandbox,
    /// The ports that the firewall lets through.
    pub open_ports: BTreeSet<Port>,
    /// The images that the desired specification names, by reference.
    pub images: BTreeMap<String, ImageObs>,
    /// The volumes of the desired specification that are fetched, by name.
    pub volumes: BTreeMap<String, VolumeObs>,
    /// Containers of any revision, desired or not.
    pub containers: BTreeMap<ContainerName, ContainerObs>,
}

/// A signal that ends a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndSignal {
    /// SIGTERM: asks.
    Term,
    /// SIGKILL: takes.
    Kill,
}

/// One idempotent effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes the group's directory, with room for volumes and writable layers.
    EnsureStorage,
    /// Begins fetching an image in the background.
    PullImage(String),
    /// Begins fetching a volume in the background.
    FetchVolume(String),
    /// Starts the shim in its own network, IPC and UTS namespaces, and gives it its address.
    EnsureSandbox,
    /// Makes the firewall let through these ports and no others.
    SetOpenPorts(BTreeSet<Port>),
    /// Creates and starts a container. The shim refuses a start number it has seen already.
    StartContainer {
        /// Which container.
        name: ContainerName,
        /// Its revision.
        revision: Generation,
        /// The number of this start, from 1.
        start: u32,
    },
    /// Sends a signal to a container.
    SignalContainer {
        /// Which container.
        name: ContainerName,
        /// Which signal.
        signal: EndSignal,
    },
    /// Removes an ended container: its bundle and its writable layer.
    RemoveContainer(ContainerName),
    /// Removes shim, containers, processes, cgroups, network and bundles.
    RemoveSandbox,
    /// Removes the group's directory with all its data and logs.
    RemoveStorage,
    /// Removes volumes and writable layers, keeps the logs.
    RemoveScratch,
}

/// What to do, and what to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The next effects, in order. Empty: nothing to do for now.
    pub steps: Vec<Step>,
    /// The status that follows from what was observed.
    pub status: GroupStatus,
    /// What happened, as far as it follows from what was observed.
    pub occurrences: Vec<Occurrence>,
    /// Whether `status` must be recorded before the next steps can be planned, because they
    /// remove the only other trace of it.
    pub record_first: bool,
    /// Whether the group has come as far as it can without a new request.
    pub is_settled: bool,
    /// When to look again even if nobody calls.
    pub wake_at: Option<Timestamp>,
}

/// Decides the next effects.
pub fn plan(now: Timestamp, want: &Desired, have: &Observed) -> Plan {
    let (history, is_invented) = history::merge(now, want, have);
    let mut plan = match want.power {
        Power::Running => running::plan(now, want, have, history),
        Power::Stopped | Power::Deleted => ending::plan(now, want, have, history),
    };
    if is_invented && want.power != Power::Deleted {
        // The ends that nobody saw are told once, from what was found before anything is done.
        plan.steps.clear();
        plan.record_first = true;
        plan.is_settled = false;
    }
    plan.occurrences = telling::occurrences(want, have, &plan.status);
    plan
}

/// What is known of each desired container: recorded history and observation, merged.
type History = BTreeMap<ContainerName, crate::status::ContainerStatus>;

impl Plan {
    fn new(status: GroupStatus) -> Self {
        Self {
            steps: Vec::new(),
            status,
            occurrences: Vec::new(),
            record_first: false,
            is_settled: false,
            wake_at: None,
        }
    }

    /// Plans steps that destroy the only other trace of the status: not before it is recorded.
    fn remove(mut self, want: &Desired, steps: Vec<Step>) -> Self {
        if self.status.containers == want.recorded.containers {
            self.steps = steps;
        } else {
            self.record_first = true;
        }
        self
    }

    fn wake(&mut self, at: Timestamp) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}
