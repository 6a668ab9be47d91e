//! The embedded Linux backend: bundles, network, cgroups, logs, shims.

pub mod cgroups;
pub mod shims;
