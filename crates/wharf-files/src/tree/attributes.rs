//! What the file system has no place for, in one extended attribute of the file or directory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rustix::{
    fs::{XattrFlags, getxattr, removexattr, setxattr},
    io::Errno,
};
use serde::{Deserialize, Serialize};

use super::{About, Node, failed};
use crate::error::{Code, FilesError};

const NAME: &str = "user.wharf.file";
const SIZE_MAX: usize = 64 << 10;

/// Properties and metadata. A file that a container made has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Attributes {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) content: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
    /// `ReadOnly`, `Archive` and so on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flags: Option<String>,
    /// A time that the client chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<Timestamp>,
    /// A time of the last change that the client chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) changed: Option<Changed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) copy: Option<Copied>,
}

/// A chosen time of the last change. It holds until the file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Changed {
    pub(crate) chosen: Timestamp,
    /// The time of the last write when it was chosen.
    pub(crate) written: Timestamp,
}

/// Where a copied file came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Copied {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) bytes: u64,
    pub(crate) completed: Timestamp,
}

impl Attributes {
    /// What is kept with a node. Whatever cannot be read is as if it were not there: a container may
    /// have written it.
    pub(crate) fn read(node: &Node) -> Self {
        let mut value = vec![0; SIZE_MAX];
        let Ok(length) = getxattr(node.path(), NAME, value.as_mut_slice()) else {
            return Self::default();
        };
        value.truncate(length);
        serde_json::from_slice(&value).unwrap_or_default()
    }

    /// Keeps this with a node, in place of what was kept before.
    pub(crate) fn write(&self, node: &Node) -> Result<(), FilesError> {
        let written = if *self == Self::default() {
            removexattr(node.path(), NAME)
        } else {
            let value = serde_json::to_vec(self).map_err(std::io::Error::other);
            let value = value.map_err(FilesError::file("write", NAME))?;
            setxattr(node.path(), NAME, &value, XattrFlags::empty())
        };
        match written {
            Err(Errno::NOSPC | Errno::TOOBIG | Errno::RANGE) => Err(Code::MetadataTooLarge.into()),
            Err(Errno::NODATA) => Ok(()),
            Err(Errno::NOTSUP) if *self == Self::default() => Ok(()),
            other => other.map_err(failed("write")),
        }
    }

    /// When the file or directory was changed, as far as clients are told.
    pub(crate) fn changed(&self, about: &About) -> Timestamp {
        let chosen = self.changed.filter(|changed| changed.written == about.written);
        chosen.map_or(about.changed, |changed| changed.chosen)
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.flags.as_ref().is_some_and(|flags| flags.split('|').any(|flag| flag == "ReadOnly"))
    }
}
