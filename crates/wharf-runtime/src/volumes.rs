//! Volumes on this host: where each is, and making those that only need a directory.

pub mod git;
pub mod mounts;
pub mod share;

use std::{io, os::unix::fs::PermissionsExt};

use camino::Utf8PathBuf;
use fs_err as fs;
use wharf_model::spec::{VolumeSource, VolumeSpec};
use wharf_shim::paths::Storage;

/// The directory of a volume; `None` for one that is never on a disk.
pub fn directory(storage: &Storage, volume: &VolumeSpec) -> Option<Utf8PathBuf> {
    match &volume.source {
        VolumeSource::EmptyDir => Some(storage.empty_dir(&volume.name)),
        VolumeSource::GitRepo(repo) => {
            Some(storage.git_repo(&volume.name, &git::fingerprint(repo)))
        }
        VolumeSource::AzureFile(wanted) => {
            Some(storage.share(&volume.name, &share::fingerprint(wanted)))
        }
        VolumeSource::Secret(_) => None,
    }
}

/// Makes the directory of an emptyDir volume; nothing if it is there or for other volumes.
pub fn ensure_empty_dir(storage: &Storage, volume: &VolumeSpec) -> io::Result<()> {
    match &volume.source {
        VolumeSource::EmptyDir => {
            let path = storage.empty_dir(&volume.name);
            if path.exists() {
                return Ok(());
            }
            fs::create_dir_all(&path)?;
            // As Kubernetes does: containers of any user share it.
            fs::set_permissions(&path, PermissionsExt::from_mode(0o777))
        }
        VolumeSource::Secret(_) | VolumeSource::GitRepo(_) | VolumeSource::AzureFile(_) => Ok(()),
    }
}
