//! What clients ask first: where everything is.

pub(crate) mod endpoints;
