//! The ARM contract: api-versions, resource ids, error envelope, paging, long-running operations,
//! and the conversions between wire and model.
//!
//! The only crate that knows a wire name. It parses and renders; it decides nothing.

pub mod api_version;
pub mod container_group;
pub mod error;
pub mod list;
pub mod location;
mod node;
pub mod operation;
pub mod resource_group;
pub mod resource_id;
pub mod time;

pub use api_version::ApiVersion;
