//! What is refused, in the words of the distribution specification.

use std::{borrow::Cow, io, path::PathBuf};

use axum::http::StatusCode;

/// A reason that clients know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// No such blob in the repository.
    BlobUnknown,
    /// A chunk or an upload that cannot be.
    BlobUploadInvalid,
    /// No such upload.
    BlobUploadUnknown,
    /// A digest that is none, or not the one of the content.
    DigestInvalid,
    /// A manifest names a blob that is not there.
    ManifestBlobUnknown,
    /// A manifest that is none.
    ManifestInvalid,
    /// A manifest that is too large.
    ManifestTooLarge,
    /// No such manifest or tag.
    ManifestUnknown,
    /// A name that cannot be.
    NameInvalid,
    /// No such repository.
    NameUnknown,
    /// A part of something that it does not have.
    RangeInvalid,
    /// Not shown who is asking.
    Unauthorized,
    /// Shown, and not allowed.
    Denied,
    /// A request for a token that is none.
    RequestInvalid,
    /// Not done with this.
    Unsupported,
    /// The host's trouble.
    Unknown,
    /// The host's disk is full.
    DiskFull,
}

impl Code {
    /// As it is told.
    pub fn name(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::BlobUploadInvalid | Self::RangeInvalid => "BLOB_UPLOAD_INVALID",
            Self::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::ManifestTooLarge => "SIZE_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Denied => "DENIED",
            Self::RequestInvalid => "INVALID_REQUEST",
            Self::Unsupported => "UNSUPPORTED",
            Self::Unknown | Self::DiskFull => "UNKNOWN",
        }
    }

    /// The status of an answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::BlobUnknown
            | Self::BlobUploadUnknown
            | Self::ManifestBlobUnknown
            | Self::ManifestUnknown
            | Self::NameUnknown => StatusCode::NOT_FOUND,
            Self::BlobUploadInvalid
            | Self::DigestInvalid
            | Self::ManifestInvalid
            | Self::NameInvalid
            | Self::RequestInvalid => StatusCode::BAD_REQUEST,
            Self::ManifestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RangeInvalid => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Denied => StatusCode::FORBIDDEN,
            Self::Unsupported => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        }
    }
}

/// A request that was not done.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Refused, for a reason that the client is told.
    #[error("{}: {message}", code.name())]
    Refused {
        /// The reason in one word.
        code: Code,
        /// The reason in a sentence.
        message: Cow<'static, str>,
    },
    /// Who asks is nobody known, or what they show is not for this.
    #[error("{}", if *is_known { "The token is not for this." } else { "Authentication is required." })]
    Unauthorized {
        /// What to ask the token server for.
        scope: Option<String>,
        /// Whether it is known who asks.
        is_known: bool,
    },
    /// A chunk that does not begin where the upload ends.
    #[error("the chunk does not begin at byte {size}")]
    OutOfOrder {
        /// How much is there.
        size: u64,
        /// Where the rest is to be sent.
        location: String,
    },
    /// The body of a request broke off.
    #[error("read the body")]
    Body(#[source] axum::Error),
    /// The disk failed or is full.
    #[error("{operation} {}", path.display())]
    File {
        /// What was being done.
        operation: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The registries cannot be looked up.
    #[error("look up a registry")]
    Look(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A thread died.
    #[error("a request was not finished")]
    Thread(#[from] tokio::task::JoinError),
}

impl RegistryError {
    /// The code that a client is told.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused { code, .. } => *code,
            Self::Unauthorized { .. } => Code::Unauthorized,
            Self::OutOfOrder { .. } => Code::RangeInvalid,
            Self::Body(_) => Code::BlobUploadInvalid,
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
                _ => Code::Unknown,
            },
            Self::Look(_) | Self::Thread(_) => Code::Unknown,
        }
    }

    /// Nobody that is known asks.
    pub(crate) fn unauthorized(scope: Option<String>) -> Self {
        Self::Unauthorized { scope, is_known: false }
    }

    /// Somebody known asks, who may not.
    pub(crate) fn denied() -> Self {
        Self::because(Code::Denied, "The roles of who asks do not allow this.")
    }

    pub(crate) fn because(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused { code, message: message.into() }
    }

    pub(crate) fn file(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { operation, path, source }
    }
}
