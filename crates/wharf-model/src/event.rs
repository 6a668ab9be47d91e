//! Container and group events, as the instance view shows them (semantics.md §5.4).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ContainerName;

/// Whether an event is news or trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventType {
    /// News.
    Normal,
    /// Trouble.
    Warning,
}

/// The reasons an event may have: the closed list of semantics.md §5.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EventReason {
    /// An image is being pulled.
    Pulling,
    /// An image was pulled, or was there already.
    Pulled,
    /// A container was created.
    Created,
    /// A container's process runs.
    Started,
    /// A container is told to end.
    Killing,
    /// A pull, a creation or a run went wrong.
    Failed,
    /// Waiting before the next try.
    BackOff,
    /// A probe failed.
    Unhealthy,
    /// A volume could not be mounted.
    FailedMount,
    /// A file share is there to be mounted.
    SuccessfulMountAzureFileVolume,
}

impl EventReason {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pulling => "Pulling",
            Self::Pulled => "Pulled",
            Self::Created => "Created",
            Self::Started => "Started",
            Self::Killing => "Killing",
            Self::Failed => "Failed",
            Self::BackOff => "BackOff",
            Self::Unhealthy => "Unhealthy",
            Self::FailedMount => "FailedMount",
            Self::SuccessfulMountAzureFileVolume => "SuccessfulMountAzureFileVolume",
        }
    }

    /// The reason with that name.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Pulling,
            Self::Pulled,
            Self::Created,
            Self::Started,
            Self::Killing,
            Self::Failed,
            Self::BackOff,
            Self::Unhealthy,
            Self::FailedMount,
            Self::SuccessfulMountAzureFileVolume,
        ]
        .into_iter()
        .find(|reason| reason.as_str() == text)
    }

    /// News or trouble.
    pub fn event_type(self) -> EventType {
        match self {
            Self::Pulling
            | Self::Pulled
            | Self::Created
            | Self::Started
            | Self::Killing
            | Self::SuccessfulMountAzureFileVolume => EventType::Normal,
            Self::Failed | Self::BackOff | Self::Unhealthy | Self::FailedMount => {
                EventType::Warning
            }
        }
    }
}

/// One thing that happened once.
///
/// Recording it twice counts it once: the store adds to `count` only when `at` is later than the
/// last occurrence it knows, and `at` comes from the journal for everything a replay may repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The container concerned; `None` for the group as a whole.
    pub container: Option<ContainerName>,
    /// When it happened.
    pub at: Timestamp,
    /// Why this is worth telling.
    pub reason: EventReason,
    /// What the user reads; repeats of the same text are folded into one event.
    pub message: String,
}

/// A recorded event: equal occurrences folded together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The container concerned; `None` for the group as a whole.
    pub container: Option<ContainerName>,
    /// How often it happened.
    pub count: u32,
    /// The first time.
    pub first: Timestamp,
    /// The latest time.
    pub last: Timestamp,
    /// Why this is worth telling.
    pub reason: EventReason,
    /// What the user reads.
    pub message: String,
}
