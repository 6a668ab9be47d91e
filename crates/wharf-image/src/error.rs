//! What can go wrong with an image, and whose fault it is.

use std::io;

use camino::Utf8PathBuf;
use oci_spec::distribution::ParseError;

use crate::{PolicyError, RegistryError};

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The reference is not one.
    InvalidReference,
    /// The registry has no such image for this platform.
    NotFound,
    /// The registry wants other credentials, or any.
    Denied,
    /// The registry does not answer, or not sensibly.
    Registry,
    /// The content is not what its digest says, or is not an image, or breaks a rule.
    Corrupt,
    /// The administrator does not want such an image here.
    Policy,
    /// The image store's disk fails or is full.
    Disk,
}

/// An image that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The reference is not one.
    #[error("\"{reference}\" is not an image reference")]
    Reference {
        /// What was given.
        reference: String,
        /// Why.
        #[source]
        source: ParseError,
    },
    /// A conversation with the registry failed.
    #[error("{operation} from {registry}")]
    Registry {
        /// What was asked for.
        operation: String,
        /// Host and port.
        registry: String,
        /// Why.
        #[source]
        source: Box<RegistryError>,
    },
    /// The content is wrong.
    #[error("{what} is corrupt: {reason}")]
    Corrupt {
        /// What was being read.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A layer's packing cannot be undone.
    #[error("unpack {what}")]
    Unpack {
        /// What was being read.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file of the store, or of what is imported, cannot be read or written.
    #[error("{operation} {path}")]
    File {
        /// What was being done.
        operation: &'static str,
        /// With which file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What is imported holds no image.
    #[error("{path} holds no image: {reason}")]
    NoImage {
        /// What was given.
        path: Utf8PathBuf,
        /// What is missing.
        reason: &'static str,
    },
    /// The administrator does not want such an image here.
    #[error("{reference} is not allowed here")]
    Policy {
        /// The full reference.
        reference: String,
        /// Why not.
        #[source]
        source: PolicyError,
    },
    /// A background task ended early.
    #[error("unpack {what}: the task was given up")]
    Task {
        /// What it was doing.
        what: String,
    },
}

impl ImageError {
    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Reference { .. } => ErrorKind::InvalidReference,
            Self::Registry { source, .. } => source.kind(),
            Self::Unpack { .. } | Self::Corrupt { .. } | Self::NoImage { .. } => ErrorKind::Corrupt,
            Self::Policy { .. } => ErrorKind::Policy,
            Self::File { .. } | Self::Task { .. } => ErrorKind::Disk,
        }
    }

    /// What users may be told besides that the image cannot be had.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Registry { source, .. } => source.advice(),
            Self::Policy { source, .. } => Some(format!("It is not allowed: {source}.")),
            _ => None,
        }
    }

    pub(crate) fn corrupt(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into(), reason: reason.into() }
    }

    pub(crate) fn file(
        operation: &'static str,
        path: impl Into<Utf8PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { operation, path, source }
    }
}
