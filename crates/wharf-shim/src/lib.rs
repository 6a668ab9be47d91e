//! The per-group monitor, the create helper, their protocol and journal.
//!
//! One small single-threaded process per container group. It is the parent of the group's
//! containers, owns their log pipes and exit codes, outlives the daemon and decides nothing.

pub mod cgroup;
pub mod cri;
pub mod journal;
pub mod paths;
pub mod protocol;
pub mod table;
