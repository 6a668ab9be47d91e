//! The embedded Linux backend: bundles, network, cgroups, logs, shims.

pub mod bundle;
pub mod cgroups;
pub mod embedded;
pub mod exec;
pub mod logs;
pub mod network;
pub mod probe;
pub mod shims;
pub mod volumes;
