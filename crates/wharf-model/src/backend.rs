//! The port behind which containers run: embedded on this host, on Kubernetes, or simulated.
//!
//! Level-triggered: a backend is told which group should be how, never what happened. Calling it
//! again is harmless, and a daemon restart is only another call.

use std::{collections::BTreeMap, future::Future, net::Ipv4Addr, sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    ContainerName, Generation, GroupId, GroupKey,
    event::Occurrence,
    group::Power,
    network::PrivateAddress,
    spec::{GroupSpec, RegistryCredential},
    status::GroupStatus,
};

/// One group as it should be, with the last recorded status.
#[derive(Clone, Debug)]
pub struct Desired {
    /// Which group; every name of every effect follows from it.
    pub id: GroupId,
    /// Where users find it.
    pub key: GroupKey,
    /// Which accepted change this is.
    pub generation: Generation,
    /// What it should be doing.
    pub power: Power,
    /// What it is made of.
    pub spec: Arc<GroupSpec>,
    /// The generation in which each container last changed; a container of another revision is
    /// stale and is replaced.
    pub revisions: BTreeMap<ContainerName, Generation>,
    /// Its address, allocated when the request was accepted.
    pub address: Option<Ipv4Addr>,
    /// Its place in a virtual network, if it is in one.
    pub private: Option<PrivateAddress>,
    /// How long containers may take to end after SIGTERM.
    pub grace: Duration,
    /// The status recorded last: history that outlives shims and reboots.
    pub recorded: GroupStatus,
    /// Whether `recorded` was written during an earlier boot of the host.
    pub is_from_earlier_boot: bool,
}

/// What one pass found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// What was found by looking.
    pub status: GroupStatus,
    /// What happened; may repeat what an earlier pass reported.
    pub occurrences: Vec<Occurrence>,
    /// Whether the group is as desired, or has come as far as it can without a new request.
    pub is_settled: bool,
    /// Whether `power` is `Deleted` and nothing is left.
    pub is_gone: bool,
    /// Call again at once, after recording `status`.
    pub again: bool,
    /// When to look again even if nobody calls.
    pub wake_at: Option<Timestamp>,
}

/// What the controller does about a failed pass. It looks at nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Try again with growing pauses.
    Retry,
    /// Nothing will change until somebody changes something.
    GiveUp,
}

/// A pass, or another request to a backend, that failed. A failing container is not one.
#[derive(Debug, thiserror::Error)]
#[error("{operation}")]
pub struct BackendError {
    /// What to do about it.
    pub disposition: Disposition,
    /// What was being done, with its subject: "ensure sandbox of group x".
    pub operation: String,
    /// What went wrong.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Which part of a log is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Only the last so many lines.
    pub tail: Option<usize>,
    /// Whether each line begins with its time (RFC 3339, nanoseconds).
    pub timestamps: bool,
    /// Of the run before the latest one instead.
    pub previous: bool,
    /// Only as much as is kept of a container that has ended for good: 1000 lines, 16 KB.
    pub is_short: bool,
}

/// Why an image is refused before a group is accepted (semantics.md §14, §23).
#[derive(Debug, thiserror::Error)]
pub enum ImageRefusal {
    /// The reference is not one, the image does not exist, or access is denied.
    #[error("image {image} is not accessible")]
    Inaccessible {
        /// The reference as written.
        image: String,
        /// What its user may be told besides that.
        advice: Option<String>,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The registry does not answer, or not sensibly.
    #[error("registry {registry} failed")]
    Registry {
        /// Host and port of the registry.
        registry: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Runs container groups.
///
/// A backend is given, at its construction, a function to call with a group's id whenever that
/// group is worth another look; such hints carry no data and may be lost.
pub trait Backend: Send + Sync + 'static {
    /// Brings the group closer to `desired`.
    fn reconcile(
        &self,
        now: Timestamp,
        desired: &Desired,
    ) -> impl Future<Output = Result<Pass, BackendError>> + Send;

    /// Every group of which something exists here, known to the store or not.
    fn inventory(&self) -> impl Future<Output = Result<Vec<GroupId>, BackendError>> + Send;

    /// Removes all that exists of a group that the store does not know.
    fn remove_orphan(&self, id: &GroupId) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Whether an image can be had: it is here already, or its registry offers it.
    fn check_image(
        &self,
        image: &str,
        credentials: &[RegistryCredential],
    ) -> impl Future<Output = Result<(), ImageRefusal>> + Send;

    /// What a container has written in its latest run or the one before. `None`: there is no such
    /// run yet.
    fn logs(
        &self,
        id: &GroupId,
        container: &ContainerName,
        query: LogQuery,
    ) -> impl Future<Output = Result<Option<String>, BackendError>> + Send;
}
