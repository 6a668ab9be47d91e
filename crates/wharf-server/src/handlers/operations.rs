//! Long-running operations.

pub(crate) mod get;
pub(crate) mod get_result;
