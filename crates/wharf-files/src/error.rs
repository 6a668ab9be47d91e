//! What a request can end with besides success, in the words of Azure Storage.

use std::{borrow::Cow, io, path::PathBuf};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal $message:literal;)*) => {
        /// An error code of Azure Storage.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the codes are documented by Azure")]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// The status of an HTTP response.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The code as it is sent.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What it means when nothing more is known.
            pub fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)* }
            }
        }
    };
}

codes! {
    InternalError = 500 "The server encountered an internal error. Please retry the request.";
    InvalidHeaderValue = 400 "The value for one of the HTTP headers is not in the correct format.";
    InvalidInput = 400 "One of the request inputs is not valid.";
    InvalidMetadata = 400 "The metadata specified is invalid. It has characters that are not permitted.";
    InvalidResourceName = 400 "The specified resource name contains invalid characters.";
    MetadataTooLarge = 400 "The metadata specified exceeds the maximum allowed limit (8 KiB).";
    OutOfRangeInput = 400 "One of the request inputs is out of range.";
    ShareAlreadyExists = 409 "The specified share already exists.";
    ShareNotFound = 404 "The specified share does not exist.";
    ShareSizeLimitReached = 403 "The share has reached its size limit.";
}

/// A request that was not done.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// Refused, for a reason that the client is told.
    #[error("{}: {message}", code.name())]
    Refused {
        /// The reason in one word.
        code: Code,
        /// The reason in a sentence.
        message: Cow<'static, str>,
    },
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
}

impl FilesError {
    /// The code that a client is told.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused { code, .. } => *code,
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Code::ShareSizeLimitReached
                }
                _ => Code::InternalError,
            },
        }
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

impl From<Code> for FilesError {
    fn from(code: Code) -> Self {
        Self::because(code, code.message())
    }
}
