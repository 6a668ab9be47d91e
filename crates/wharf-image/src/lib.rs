//! Pull, verify, content store, unpack, snapshots, garbage collection.
//!
//! Every layer is a directory of its own, ready to be a lower directory of an overlay mount: a
//! container starts from an image without any copying. Nothing is published before it is verified,
//! and after a power cut only what was durable counts; half-done work lives in one directory that
//! is emptied at start.

mod access;
mod error;
mod export;
mod import;
mod index;
mod layers;
mod lease;
mod policy;
mod prune;
mod pull;
mod quickstart;
mod reference;
mod registry;
mod signature;
mod store;
mod unpack;
mod verify;

pub use access::Audience;
pub use error::{ErrorKind, ImageError};
pub use lease::Lease;
pub use policy::{ImagePolicy, Pattern, PolicyError, Signed};
pub use prune::{Keeping, Pruning, Removed};
pub use pull::{Progress, PullUnderWay};
pub use reference::registry_of;
pub use registry::{
    CertificateAuthority, Credential, IdentityTokens, LocalError, LocalRegistries, LocalRepository,
    Login, Mirror, RegistryConfig, RegistryError,
};
pub use signature::PublicKey;
pub use store::{Image, ImageConfig, ImageStore};
