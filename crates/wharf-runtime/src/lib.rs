//! The embedded Linux backend: bundles, network, cgroups, logs, shims.
