//! The ARM contract: api-versions, resource ids, error envelope, paging, long-running operations,
//! and the conversions between wire and model.
//!
//! The only crate that knows a wire name. It parses and renders; it decides nothing.

pub mod action;
pub mod activity;
pub mod api_version;
pub mod container_group;
pub mod container_registry;
pub mod deployment;
pub mod error;
pub mod exec;
pub mod filter;
pub mod identity_token;
pub mod instance_metadata;
pub mod lenient;
pub mod list;
pub mod location;
pub mod managed_identity;
pub mod metrics;
pub mod name_availability;
pub mod network;
mod node;
pub mod operation;
pub mod principal;
pub mod profile;
pub mod provider;
pub mod provider_operations;
pub mod resource;
pub mod resource_group;
pub mod resource_id;
pub mod role;
pub mod shell_words;
pub mod storage;
pub mod template;
pub mod time;
pub mod whatif;

pub use api_version::ApiVersion;
