//! Volumes of a group and where containers see them (semantics.md §11).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A volume of the group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeSpec {
    /// The name mounts refer to.
    pub name: String,
    /// What it holds.
    pub source: VolumeSource,
}

/// What a volume holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum VolumeSource {
    /// Scratch space that lives as long as the deployment.
    EmptyDir,
    /// Files that are never on a disk; every container has its own read-only copy in memory.
    Secret(Vec<SecretFile>),
    /// A working copy of a repository, made before the first container starts.
    GitRepo(GitRepo),
    /// A file share, which outlives the group.
    AzureFile(AzureFile),
}

impl VolumeSource {
    /// Whether it must be fetched from elsewhere before containers can start.
    pub fn is_fetched(&self) -> bool {
        match self {
            Self::GitRepo(_) | Self::AzureFile(_) => true,
            Self::EmptyDir | Self::Secret(_) => false,
        }
    }
}

/// One file of a secret volume.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretFile {
    /// Its name: a single path component.
    pub name: String,
    /// Its content in base64, as JSON has no bytes; valid.
    pub content: String,
}

impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=<secret>", self.name)
    }
}

/// A repository and what of it is wanted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitRepo {
    /// `http` or `https` address without user and password.
    pub repository: String,
    /// User and password as they stood in the address (`user:token`).
    pub userinfo: Option<String>,
    /// Where the working copy is, relative to the volume: `.` or plain names, no `..`.
    pub directory: String,
    /// A commit, branch or tag; `None`: the repository's default branch.
    pub revision: Option<String>,
}

impl fmt::Debug for GitRepo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let revision = self.revision.as_deref().unwrap_or("HEAD");
        write!(f, "{} at {revision} in {}", self.repository, self.directory)
    }
}

/// A share of a storage account, and what opens it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AzureFile {
    /// The storage account.
    pub account: String,
    /// The share.
    pub share: String,
    /// A key of the account in base64, as it was sent.
    pub key: String,
    /// Whether no container may write, whatever its mount says.
    pub read_only: bool,
}

impl fmt::Debug for AzureFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "share {} of {}, read only: {}", self.share, self.account, self.read_only)
    }
}

/// Where a container sees a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeMount {
    /// The volume's name.
    pub name: String,
    /// Absolute path inside the container.
    pub mount_path: String,
    /// Whether writing is refused.
    pub read_only: bool,
}
