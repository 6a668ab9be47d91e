//! Long-running operations: what a client polls after a write was accepted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Generation, GroupId, GroupKey, OperationId};

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationKind {
    /// PUT of a group that was not there, or was stopped or terminated.
    Create,
    /// PUT of a group that was there.
    Update,
    /// POST start.
    Start,
    /// POST stop.
    Stop,
    /// POST restart.
    Restart,
    /// DELETE.
    Delete,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperationState {
    /// Accepted; nothing has been done yet, or it is under way.
    Running,
    /// The group has settled as asked.
    Succeeded,
    /// It was given up.
    Failed {
        /// ARM error code.
        code: String,
        /// What the client reads.
        message: String,
    },
    /// A later request took its place before it settled.
    Canceled,
}

/// One accepted write and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The id in the polling URL.
    pub id: OperationId,
    /// The group concerned; may be gone by now.
    pub group: GroupId,
    /// Where the group is, or was.
    pub key: GroupKey,
    /// What was asked for.
    pub kind: OperationKind,
    /// The generation that this operation made.
    pub generation: Generation,
    /// How far it is.
    pub state: OperationState,
    /// When it was accepted.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}
