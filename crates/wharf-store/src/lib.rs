//! SQLite: schema, migrations, queries, event log, address allocations.
//!
//! Desired state, its operation, its address and its event change in one transaction or not at
//! all. Everything is synchronous; callers on an async runtime use a blocking thread.

mod access;
mod addresses;
mod db;
mod dns_names;
mod error;
mod events;
mod groups;
mod host_ports;
mod identity;
mod operations;
mod private_addresses;
mod reservations;
mod resource_groups;
mod resources;
mod rows;
mod seal;
mod unique_names;
mod virtual_networks;

pub use db::{Store, StoreConfig};
pub use error::{AcceptError, StoreError};
pub use groups::{Accepted, Filter, NewIds};
pub use identity::{Secret, SigningKey};
pub use resource_groups::ResourceGroup;
pub use resources::{Resource, ResourceContent, ResourceFilter};
pub use seal::SealKey;
pub use virtual_networks::Surroundings;
