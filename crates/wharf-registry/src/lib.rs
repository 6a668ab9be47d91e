//! A registry of one's own: images kept in directories, served as the OCI distribution API.
//!
//! A registry is a directory `<root>/<name>`; each of its repositories is one below, with blobs
//! and manifests under their digests and tags that name manifests. [`Service`] answers `/v2/`.

mod access;
mod collect;
mod durable;
mod error;
mod manifests;
mod metadata;
mod names;
mod service;
mod storage;
mod uploads;

pub use access::{Action, Claims, Failure, Registries, Shown, Who};
pub use error::{Code, RegistryError};
pub use service::{Opened, Puller, Service, Target};
pub use storage::Storage;
