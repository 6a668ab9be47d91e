//! The way in: listeners, path rewriting, authentication, headers, and the ARM envelope around
//! every error.

mod access;
mod authorization;
mod drain;
mod error;
mod front;
mod headers;
mod listen;
mod params;
mod path;
mod public;
mod router;
mod routes;
mod table;

pub(crate) use error::{ApiError, ApiResult};
pub(crate) use front::Front;
pub(crate) use listen::{Listeners, serve};
pub(crate) use params::{Base, Body, LenientBody, ResourcesVersion, Version};
pub(crate) use path::{AtResource, ResourcePath};
pub(crate) use router::rewrite;
