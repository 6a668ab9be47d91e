//! What became of a group: runs of its containers, and the states users read, derived by pure
//! functions from nothing else (semantics.md §5).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ContainerName, Generation};

/// How many runs of a container are remembered: enough to see that back-off has reached its cap.
pub const RUNS_KEPT: usize = 8;

/// Exit code of a container that ended with its host (semantics.md §5.3).
pub const EXIT_HOST_RESTART: i32 = 7147;
/// Exit code of a container whose end nobody saw: it was killed with its shim.
pub const EXIT_LOST: i32 = 137;

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExitCause {
    /// The process ended or was killed by a signal (code 128 + signal).
    Exited,
    /// The kernel killed it over its memory limit (code 137).
    OutOfMemory,
    /// It was ended because its liveness probe failed; the code is what it made of that.
    Unhealthy,
    /// It could not be started at all; the code is 126, 127 or 128 as a shell would say.
    StartFailed,
    /// The host went down ([`EXIT_HOST_RESTART`]).
    HostRestart,
    /// Its shim died; what was left of it was killed ([`EXIT_LOST`]).
    Lost,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// 0 to 255, 128 + n when killed by signal n, or one of the codes above.
    pub code: i32,
    /// When it ended.
    pub at: Timestamp,
    /// Why.
    pub cause: ExitCause,
    /// What went wrong, for [`ExitCause::StartFailed`].
    pub message: Option<String>,
}

/// One run of a container, from start to exit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Number of the start within the container's revision, from 1.
    pub start: u32,
    /// When its process was started.
    pub started_at: Timestamp,
    /// How it ended, if it has.
    pub exit: Option<Exit>,
}

/// Why a container is not running although it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Waiting {
    /// Its turn has not come, or work is under way.
    ToRun,
    /// Its image cannot be pulled for now.
    ImagePullBackOff {
        /// Why.
        message: String,
    },
    /// It ended and waits before being started again.
    CrashLoopBackOff {
        /// When it is due.
        until: Timestamp,
    },
}

/// What is known of one container in its present revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerStatus {
    /// The generation in which the container last changed; older runs are forgotten.
    pub revision: Generation,
    /// The latest runs, oldest first, at most [`RUNS_KEPT`].
    pub runs: Vec<Run>,
    /// Set while it waits.
    pub waiting: Option<Waiting>,
}

impl ContainerStatus {
    /// Starts so far in this revision.
    pub fn starts(&self) -> u32 {
        self.runs.last().map_or(0, |run| run.start)
    }

    /// Restarts so far in this revision, as `restartCount` shows them.
    pub fn restart_count(&self) -> u32 {
        self.starts().saturating_sub(1)
    }

    /// Whether its process runs.
    pub fn is_running(&self) -> bool {
        self.runs.last().is_some_and(|run| run.exit.is_none())
    }

    /// The latest exit, unless it runs or never ran.
    pub fn last_exit(&self) -> Option<&Exit> {
        self.runs.last().and_then(|run| run.exit.as_ref())
    }
}

/// The group's state as users read it (semantics.md §5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupState {
    /// Not all containers have started yet.
    #[default]
    Pending,
    /// At least one container runs or will be restarted.
    Running,
    /// All ended well and stay ended.
    Succeeded,
    /// All ended, one at least badly, and policy is Never.
    Failed,
    /// Stopped on request.
    Stopped,
}

impl GroupState {
    /// Whether nothing will run any more unless a request asks for it.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Stopped => true,
            Self::Pending | Self::Running => false,
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Stopped => "Stopped",
        }
    }
}

/// What is known of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Derived from the containers and the power asked for.
    pub state: GroupState,
    /// Containers and init containers by name; absent: not begun.
    pub containers: BTreeMap<ContainerName, ContainerStatus>,
}
