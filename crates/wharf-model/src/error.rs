//! The error that a client may see, free of any transport.
//!
//! Public and internal text are two fields and the type has no `Display`, so that the internal
//! half cannot reach a client by accident. `wharf-arm` turns [`ErrorKind`] into a status and the
//! public half into the ARM envelope; the log gets the rest.

/// What kind of refusal or failure this is; decides the HTTP status in one exhaustive match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request itself is wrong (400).
    InvalidParameter,
    /// The thing is not there (404).
    NotFound,
    /// The present state does not allow it (409).
    Conflict,
    /// A quota or limit would be exceeded (409).
    QuotaExceeded,
    /// The host has no room (409).
    CapacityExceeded,
    /// Nobody said who they are, or not credibly (401).
    Unauthenticated,
    /// They may not do this (403).
    Forbidden,
    /// The method is not for this resource (405).
    MethodNotAllowed,
    /// Too large a request (413).
    TooLarge,
    /// Not now; try later (503).
    Unavailable,
    /// The store has no disk space left (507).
    StorageFull,
    /// Our fault (500).
    Internal,
}

/// An error with an ARM code and a public message, and a detail that only the log sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Decides the HTTP status.
    pub kind: ErrorKind,
    /// The ARM error code, such as `InvalidOsType`.
    pub code: &'static str,
    /// What the client reads. Names the property at fault.
    pub message: String,
    /// The property at fault, as a path such as `properties.osType`.
    pub target: Option<String>,
    /// What only the log reads.
    pub internal: Option<String>,
}

impl Error {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into(), target: None, internal: None }
    }

    /// A 400 with the property at fault.
    pub fn invalid(code: &'static str, message: impl Into<String>, target: &str) -> Self {
        Self::new(ErrorKind::InvalidParameter, code, message).at(target)
    }

    /// A 500 whose reason goes to the log only.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self {
            internal: Some(detail.into()),
            ..Self::new(
                ErrorKind::Internal,
                "InternalServerError",
                "Encountered an internal server error.",
            )
        }
    }

    /// The same error, pointing at a property.
    #[must_use]
    pub fn at(mut self, target: &str) -> Self {
        self.target = Some(target.to_owned());
        self
    }

    /// The same error with a detail for the log.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.internal = Some(detail.into());
        self
    }
}

/// Prints an error with all its sources: `a: b: c`.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(error.source(), |e| e.source())
        .fold(error.to_string(), |text, source| format!("{text}: {source}"))
}
