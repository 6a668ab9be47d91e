//! What the daemon asks of `wharf smb-mount`, and what it hears.

use std::{fmt, process::ExitCode};

use serde::{Deserialize, Serialize};

use crate::server::Location;

/// By what a share is mounted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// The kernel if it can, else FUSE.
    #[default]
    Auto,
    /// The kernel's SMB client.
    Kernel,
    /// A process that serves the mount.
    Fuse,
}

/// One mount.
#[derive(Clone, Serialize, Deserialize)]
pub struct Wish {
    /// Where the share is.
    pub location: Location,
    /// Who asks for it: an account of the server.
    pub account: String,
    /// What opens it: the account's key, which is its password.
    pub key: String,
    /// Whether nothing may be written.
    pub read_only: bool,
    /// By what it is mounted.
    pub via: Via,
}

impl fmt::Debug for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {}, read only: {}", self.location, self.account, self.read_only)
    }
}

/// What came of a [`Wish`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It is mounted, by this.
    Mounted(Via),
    /// It is not.
    Refused(Refusal),
}

/// Why a share is not mounted. The number is the one that Linux and `mount.cifs` have for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("mount error({errno}): {reason}")]
pub struct Refusal {
    /// The kernel's number.
    pub errno: i32,
    /// In words.
    pub reason: String,
}

impl Answer {
    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Mounted(_) => ExitCode::SUCCESS,
            Self::Refused(_) => ExitCode::FAILURE,
        }
    }
}
