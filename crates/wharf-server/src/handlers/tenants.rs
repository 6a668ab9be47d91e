//! Tenants: there is one, made at the first start.

pub(crate) mod list;
