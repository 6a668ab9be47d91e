//! What groups use: Azure Monitor's metrics, Prometheus' and `wharf top`'s.

pub(crate) mod definitions;
pub(crate) mod list;
pub(crate) mod prometheus;
pub(crate) mod usage;
