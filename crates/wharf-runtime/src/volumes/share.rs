//! A file share: a link to its directory here, once the key has been found right, or to where it
//! is mounted from elsewhere.
//!
//! The link is what remembers that: it is in the group's scratch directory and goes with it, so
//! every deployment asks anew, and another key is another link.

use std::{fmt, io, os::unix::fs::symlink};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use sha2::{Digest as _, Sha256};
use wharf_model::spec::AzureFile;
use wharf_smb::Location;

/// Who knows the shares of this host.
pub trait FileShares: fmt::Debug + Send + Sync {
    /// Where a share is. May block.
    fn find(&self, wanted: &AzureFile) -> Result<Whereabouts, ShareError>;
}

/// Where a share is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// In this directory; the key opens it.
    Here(Utf8PathBuf),
    /// On another host, which has to say whether the key opens it.
    Elsewhere {
        /// Where.
        location: Location,
        /// Whether somebody said so; else it is a guess by the account's name.
        is_configured: bool,
    },
}

/// A share that cannot be mounted.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// The account is not one of this host's.
    #[error("storage account '{account}' was not found")]
    NoAccount {
        /// Which.
        account: String,
    },
    /// The name is none that a server's share can have.
    #[error("storage account '{account}' cannot have a share '{share}'")]
    NoName {
        /// Which.
        account: String,
        /// Which.
        share: String,
    },
    /// None of the account's keys.
    #[error("the key is not one of storage account '{account}'")]
    WrongKey {
        /// Which.
        account: String,
    },
    /// The account has no such share.
    #[error("storage account '{account}' has no share '{share}'")]
    NoShare {
        /// Which.
        account: String,
        /// Which.
        share: String,
    },
    /// It cannot be found out.
    #[error("look for share '{share}'")]
    Look {
        /// Which.
        share: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The link cannot be made.
    #[error("link the share")]
    Link(#[source] io::Error),
}

/// What distinguishes one wish from another, for names of links.
pub fn fingerprint(wanted: &AzureFile) -> String {
    let digest = Sha256::new()
        .chain_update(&wanted.account)
        .chain_update([0])
        .chain_update(&wanted.share)
        .chain_update([0])
        .chain_update(&wanted.key)
        .finalize();
    digest[..6].iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Makes `target` a link to the directory of a share. May block.
pub fn link(directory: &Utf8Path, target: &Utf8Path) -> Result<(), ShareError> {
    let make = || {
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        // One that leads nowhere is from before the share was deleted and made again elsewhere.
        match fs::remove_file(target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        symlink(directory, target)
    };
    make().map_err(ShareError::Link)
}

/// Where the link leads; `None`: there is none.
pub fn linked(target: &Utf8Path) -> Option<Utf8PathBuf> {
    target.read_link_utf8().ok()
}
