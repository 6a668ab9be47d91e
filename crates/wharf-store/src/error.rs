//! What can go wrong with the store.

use camino::Utf8PathBuf;

/// A failure of the store itself.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened or brought up to date.
    #[error("open {path}")]
    Open {
        /// The database file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The database is newer than this program.
    #[error("{path} has schema version {found}, this program knows {known}")]
    TooNew {
        /// The database file.
        path: Utf8PathBuf,
        /// The version found.
        found: u32,
        /// The latest version known here.
        known: u32,
    },
    /// The key file cannot be read or made.
    #[error("read or make key file {path}")]
    Key {
        /// The key file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A statement failed.
    #[error("{operation}")]
    Sql {
        /// What was being done.
        operation: &'static str,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// Ports cannot be published at the host's address as they are.
    #[error(
        "port {port} cannot be published at this host's address: container groups {first} and \
         {second} both have it; change one of them first"
    )]
    PublishedTwice {
        /// Number and protocol.
        port: String,
        /// The older group.
        first: String,
        /// The other one.
        second: String,
    },
    /// A sealed column cannot be opened: another key, or damage.
    #[error("open what is sealed for {id}")]
    Sealed {
        /// Whose.
        id: String,
    },
    /// A stored value is not what this program wrote.
    #[error("read a stored {what}")]
    Content {
        /// What was being read.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl StoreError {
    /// Whether the disk is full.
    pub fn is_disk_full(&self) -> bool {
        let code = match self {
            Self::Sql { source, .. } | Self::Open { source, .. } => source.sqlite_error_code(),
            Self::TooNew { .. }
            | Self::Key { .. }
            | Self::Sealed { .. }
            | Self::Content { .. }
            | Self::PublishedTwice { .. } => None,
        };
        code == Some(rusqlite::ErrorCode::DiskFull)
    }
}

/// A request that was not accepted.
#[derive(Debug)]
pub enum AcceptError {
    /// The decision, or a rule of the store, says no.
    Refused(wharf_model::Error),
    /// The store failed; nothing has changed.
    Store(StoreError),
}

impl From<StoreError> for AcceptError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub(crate) fn sql(operation: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Sql { operation, source }
}
