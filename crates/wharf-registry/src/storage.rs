//! Registries and their repositories, in directories.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use crate::{
    collect::Freed,
    durable,
    error::{Code, RegistryError},
    names::{self, Digest},
};

/// How long an upload may be left alone.
const UPLOAD_MAX_AGE: Duration = Duration::from_hours(24);
/// What directories are called that are being removed.
const GONE: &str = ".gone-";

/// All registries of this host.
#[derive(Debug)]
pub struct Storage {
    root: PathBuf,
    /// Held while manifests, tags and what they name change together.
    changing: Mutex<()>,
    freed: Mutex<Freed>,
}

impl Storage {
    /// Opens the directory of all registries, and makes it if it is missing.
    pub fn open(root: &Path) -> Result<Self, RegistryError> {
        durable::make_directory(root)?;
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(root, private).map_err(RegistryError::file("protect", root))?;
        for name in durable::list(root)?.iter().filter(|name| name.starts_with(GONE)) {
            remove_tree(&root.join(name))?;
        }
        Ok(Self { root: root.to_owned(), changing: Mutex::default(), freed: Mutex::default() })
    }

    /// The registries that have something here.
    pub fn registries(&self) -> Result<Vec<String>, RegistryError> {
        let mut names = durable::list(&self.root)?;
        names.retain(|name| names::is_registry(name));
        Ok(names)
    }

    /// How many bytes a registry has on the disk: what several repositories share counts once.
    pub fn size(&self, registry: &str) -> Result<u64, RegistryError> {
        if !names::is_registry(registry) {
            return Ok(0);
        }
        let (mut size, mut seen) = (0_u64, HashSet::new());
        let mut open = vec![self.root.join(registry)];
        while let Some(directory) = open.pop() {
            for name in durable::list(&directory)? {
                let path = directory.join(name);
                // What went meanwhile has no size.
                let Ok(found) = fs::symlink_metadata(&path) else { continue };
                if found.is_dir() {
                    open.push(path);
                } else if seen.insert(found.ino()) {
                    size = size.saturating_add(found.len());
                }
            }
        }
        Ok(size)
    }

    /// Removes everything that a registry has.
    pub fn delete_registry(&self, name: &str) -> Result<(), RegistryError> {
        if !names::is_registry(name) {
            return Ok(());
        }
        let (path, gone) =
            (self.root.join(name), self.root.join(format!("{GONE}{}", uuid::Uuid::new_v4())));
        match fs::rename(&path, &gone) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            moved => moved.map_err(RegistryError::file("remove", &path))?,
        }
        durable::sync(&self.root)?;
        remove_tree(&gone)
    }

    /// Removes uploads that nobody went on with for a day.
    pub fn sweep_uploads(&self, now: SystemTime) -> Result<(), RegistryError> {
        for registry in self.registries()? {
            for repository in self.all_repositories(&registry)? {
                let uploads = self.repository(&registry, &repository)?.uploads();
                for name in durable::list(&uploads)? {
                    let path = uploads.join(name);
                    let changed = fs::metadata(&path).and_then(|found| found.modified());
                    let age = changed.ok().and_then(|changed| now.duration_since(changed).ok());
                    if age.is_some_and(|age| age > UPLOAD_MAX_AGE) {
                        durable::remove(&path)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A repository of a registry, whether it has something or not.
    pub(crate) fn repository(
        &self,
        registry: &str,
        name: &str,
    ) -> Result<Repository, RegistryError> {
        names::check_repository(name)?;
        if !names::is_registry(registry) {
            return Err(RegistryError::because(Code::NameUnknown, "There is no such registry."));
        }
        Ok(Repository { dir: self.root.join(registry).join(name), name: name.to_owned() })
    }

    /// The repositories of a registry that have a manifest, in order.
    pub(crate) fn repositories(&self, registry: &str) -> Result<Vec<String>, RegistryError> {
        let mut found = Vec::new();
        for name in self.all_repositories(registry)? {
            if self.repository(registry, &name)?.has_manifests()? {
                found.push(name);
            }
        }
        Ok(found)
    }

    pub(crate) fn all_repositories(&self, registry: &str) -> Result<Vec<String>, RegistryError> {
        let mut found = Vec::new();
        let mut open = vec![String::new()];
        while let Some(above) = open.pop() {
            let directory = self.root.join(registry).join(&above);
            for part in durable::list(&directory)?.iter().filter(|part| names::is_component(part)) {
                let name = if above.is_empty() { part.clone() } else { format!("{above}/{part}") };
                open.push(name.clone());
                found.push(name);
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn freed(&self) -> MutexGuard<'_, Freed> {
        self.freed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Taken before that of what was freed.
    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove_tree(path: &Path) -> Result<(), RegistryError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(RegistryError::file("remove", path)),
    }
}

/// One repository. Nothing in it is called like a repository below it: `_` does not begin a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Repository {
    pub(crate) dir: PathBuf,
    pub(crate) name: String,
}

impl Repository {
    pub(crate) fn uploads(&self) -> PathBuf {
        self.dir.join("_uploads")
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.dir.join("_blobs")
    }

    /// Where a blob is or would be.
    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    pub(crate) fn has_blob(&self, digest: &Digest) -> bool {
        self.blob(digest).is_file()
    }

    /// Takes over a blob of another repository, without copying it. Whether it was there.
    pub(crate) fn mount(
        &self,
        storage: &Storage,
        from: &Self,
        digest: &Digest,
    ) -> Result<bool, RegistryError> {
        let _changing = storage.lock();
        let (source, target) = (from.blob(digest), self.blob(digest));
        let Some(directory) = target.parent() else { return Ok(false) };
        if !source.is_file() {
            return Ok(false);
        }
        durable::make_directory(directory)?;
        match fs::hard_link(&source, &target) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return self.renew(digest);
            }
            linked => linked.map_err(RegistryError::file("link", &target))?,
        }
        durable::sync(directory)?;
        Ok(true)
    }

    pub(crate) fn delete_blob(&self, digest: &Digest) -> Result<(), RegistryError> {
        if durable::remove(&self.blob(digest))? {
            return Ok(());
        }
        Err(unknown_blob(digest))
    }
}

pub(crate) fn unknown_repository() -> RegistryError {
    RegistryError::because(Code::NameUnknown, "There is no such repository.")
}

pub(crate) fn unknown_blob(digest: &Digest) -> RegistryError {
    RegistryError::because(Code::BlobUnknown, format!("The repository has no blob {digest}."))
}
