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
    AccountRequiresHttps = 400 "The account being accessed does not support http.";
    AuthenticationFailed = 403 "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.";
    AuthorizationPermissionMismatch = 403 "This request is not authorized to perform this operation using this permission.";
    AuthorizationProtocolMismatch = 403 "This request is not authorized to perform this operation using this protocol.";
    AuthorizationResourceTypeMismatch = 403 "This request is not authorized to perform this operation using this resource type.";
    AuthorizationServiceMismatch = 403 "This request is not authorized to perform this operation using this service.";
    AuthorizationSourceIPMismatch = 403 "This request is not authorized to perform this operation using this source IP.";
    CannotVerifyCopySource = 404 "The specified resource does not exist.";
    ConditionNotMet = 412 "The condition specified using HTTP conditional header(s) is not met.";
    DirectoryNotEmpty = 409 "The specified directory is not empty.";
    EmptyMetadataKey = 400 "The key for one of the metadata key-value pairs is empty.";
    FileInvalidPermissionKey = 400 "The specified file permission key does not exist in the share.";
    InternalError = 500 "The server encountered an internal error. Please retry the request.";
    InvalidAuthenticationInfo = 401 "Authentication information is not given in the correct format. Check the value of Authorization header.";
    InvalidFileOrDirectoryPathName = 400 "The specified file or directory path is too long, or has too many subdirectories.";
    InvalidHeaderValue = 400 "The value for one of the HTTP headers is not in the correct format.";
    InvalidInput = 400 "One of the request inputs is not valid.";
    InvalidMd5 = 400 "The MD5 value specified in the request is invalid. MD5 value must be 128 bits and base64-encoded.";
    InvalidMetadata = 400 "The metadata specified is invalid. It has characters that are not permitted.";
    InvalidQueryParameterValue = 400 "Value for one of the query parameters specified in the request URI is invalid.";
    InvalidRange = 416 "The range specified is invalid for the current size of the resource.";
    InvalidResourceName = 400 "The specified resource name contains invalid characters.";
    InvalidUri = 400 "The requested URI does not represent any resource on the server.";
    InvalidXmlDocument = 400 "XML specified is not syntactically valid.";
    KeyBasedAuthenticationNotPermitted = 403 "Key based authentication is not permitted on this storage account.";
    LeaseNotPresentWithFileOperation = 412 "There is currently no lease on the file.";
    Md5Mismatch = 400 "The MD5 value specified in the request did not match with the MD5 value calculated by the server.";
    MetadataTooLarge = 400 "The metadata specified exceeds the maximum allowed limit.";
    MissingContentLengthHeader = 411 "Content-Length HTTP header is missing.";
    MissingRequiredHeader = 400 "An HTTP header that's mandatory for this request is not specified.";
    NoAuthenticationInformation = 401 "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.";
    NoPendingCopyOperation = 409 "There is currently no pending copy operation.";
    NotImplemented = 501 "The requested operation is not implemented on the specified resource.";
    OutOfRangeInput = 400 "One of the request inputs is out of range.";
    OutOfRangeQueryParameterValue = 400 "One of the query parameters specified in the request URI is outside the permissible range.";
    ParentNotFound = 404 "The specified parent path does not exist.";
    ReadOnlyAttribute = 409 "The specified resource is read-only and cannot be modified at this time.";
    RequestBodyTooLarge = 413 "The request body is too large and exceeds the maximum permissible limit.";
    ResourceAlreadyExists = 409 "The specified resource already exists.";
    ResourceNotFound = 404 "The specified resource does not exist.";
    ResourceTypeMismatch = 409 "The specified resource type does not match the type of the existing resource.";
    ShareAlreadyExists = 409 "The specified share already exists.";
    ShareHasSnapshots = 409 "The share has snapshots and the operation requires no snapshots.";
    ShareNotFound = 404 "The specified share does not exist.";
    ShareSizeLimitReached = 403 "The share has reached its size limit.";
    ShareSnapshotCountExceeded = 409 "The total number of snapshots for the share is over the limit.";
    ShareSnapshotInProgress = 409 "Another Share Snapshot operation is in progress.";
    ShareSnapshotNotFound = 404 "The specified share snapshot does not exist.";
    ShareSnapshotOperationNotSupported = 400 "The specified operation is not supported on a share snapshot.";
    SharingViolation = 409 "The specified resource may be in use by another program.";
    UnsupportedHeader = 400 "One of the HTTP headers specified in the request is not supported.";
    UnsupportedHttpVerb = 405 "The resource doesn't support specified Http Verb.";
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
        /// What helps whoever has to find out.
        detail: Option<String>,
    },
    /// What a request takes from cannot be had.
    #[error("the source cannot be read")]
    Source {
        /// What asking for it there would answer.
        #[source]
        source: Box<FilesError>,
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
            Self::Source { .. } => Code::CannotVerifyCopySource,
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Code::ShareSizeLimitReached
                }
                _ => Code::InternalError,
            },
        }
    }

    pub(crate) fn because(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused { code, message: message.into(), detail: None }
    }

    pub(crate) fn detailed(code: Code, detail: impl Into<String>) -> Self {
        Self::Refused { code, message: code.message().into(), detail: Some(detail.into()) }
    }

    /// Says that this is about the source of a request.
    pub(crate) fn of_source(self) -> Self {
        Self::Source { source: Box::new(self) }
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
