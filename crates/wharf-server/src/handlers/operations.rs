//! Long-running operations.

pub(crate) mod get;
