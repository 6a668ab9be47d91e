//! The way in: listeners, path rewriting, authentication, headers, and the ARM envelope around
//! every error.

mod drain;
mod error;
mod headers;
mod listen;
mod params;
mod router;
mod routes;

pub(crate) use error::{ApiError, ApiResult};
pub(crate) use listen::{Listeners, serve};
pub(crate) use params::{Base, Body, LenientBody, ResourcesVersion, Version};
pub(crate) use router::{rewrite, router};
