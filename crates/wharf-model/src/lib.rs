//! What exists and what is allowed.
//!
//! Ids, the specification of a container group, what is observed of it, the pure planner and the
//! ports behind which effects live. Nothing here does I/O, reads a clock, or knows a wire name:
//! the crate depends on neither tokio, HTTP, SQL nor the kernel.

pub mod access;
pub mod backend;
pub mod capacity;
pub mod change;
pub mod clock;
pub mod error;
pub mod event;
pub mod group;
pub mod ids;
pub mod metrics;
pub mod network;
pub mod operation;
pub mod plan;
pub mod security;
pub mod spec;
pub mod status;

pub use error::{Error, ErrorKind};
pub use ids::{
    ContainerName, Generation, GroupId, GroupKey, InstanceId, Name, OperationId, ResourceGroupKey,
    ResourceKey,
};
