//! Blobs that no manifest names, and repositories in which nothing is left.
//!
//! A client pushes blobs first and the manifest that names them last, and may build on blobs that it
//! was told are there: what is young, or was asked for lately, stays. A file's change time tells;
//! whatever counts on a blob renews it ([`Repository::renew`]). Everything that makes or renews a
//! blob holds the same lock as the collector, which so never removes what somebody was just told of.

use std::{
    collections::HashSet,
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use crate::{
    durable,
    error::RegistryError,
    names::{Digest, Reference},
    storage::{Repository, Storage},
};

/// How long a blob may wait for a manifest.
const ALONE_MAX: Duration = Duration::from_hours(24);
/// The same for one whose manifest was deleted.
const RELEASED_MAX: Duration = Duration::from_hours(1);
/// How often everything is looked at, and not only where something was deleted.
const PERIOD: Duration = Duration::from_hours(1);

/// What became free since the daemon began; what was forgotten with an earlier one is alone.
#[derive(Debug, Default)]
pub(crate) struct Freed {
    /// Repositories with blobs that deleted manifests named.
    released: HashSet<(Repository, Digest)>,
    everything_at: Option<SystemTime>,
}

impl Storage {
    /// Notes what a manifest named that was deleted.
    pub(crate) fn release(&self, repository: &Repository, manifest: &[u8]) {
        let document = serde_json::from_slice(manifest).unwrap_or_default();
        let named = named(&document);
        let mut freed = self.freed();
        freed.released.extend(named.into_iter().map(|digest| (repository.clone(), digest)));
    }

    /// Removes what nobody needs any more.
    pub fn collect(&self, now: SystemTime) -> Result<(), RegistryError> {
        if !self.everything_is_due(now) {
            for one in &self.with_released(now) {
                self.collect_or_tell(one, now);
            }
            return Ok(());
        }
        for registry in self.registries()? {
            for name in self.all_repositories(&registry)? {
                self.collect_or_tell(&self.repository(&registry, &name)?, now);
            }
        }
        Ok(())
    }

    /// Whether everything is to be looked at, which is noted.
    fn everything_is_due(&self, now: SystemTime) -> bool {
        let mut freed = self.freed();
        let is_due = freed.everything_at.is_none_or(|last| {
            // A clock that was put back is no reason to wait.
            now.duration_since(last).map_or(true, |since| since >= PERIOD)
        });
        if is_due {
            freed.everything_at = Some(now);
        }
        is_due
    }

    /// Repositories where something that became free is due or already gone.
    fn with_released(&self, now: SystemTime) -> HashSet<Repository> {
        let released = self.freed().released.clone();
        let is_due = |path: &Path| match changed(path) {
            Ok(Some(at)) => is_over(at, RELEASED_MAX, now),
            // Whoever looks closer tells what is wrong.
            Ok(None) | Err(_) => true,
        };
        let due = released.into_iter().filter(|(at, digest)| is_due(&at.blob(digest)));
        due.map(|(at, _)| at).collect()
    }

    /// One repository's trouble is not another's.
    fn collect_or_tell(&self, repository: &Repository, now: SystemTime) {
        if let Err(error) = self.collect_one(repository, now) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, repository = repository.name, "blobs are not collected");
        }
    }

    fn collect_one(&self, repository: &Repository, now: SystemTime) -> Result<(), RegistryError> {
        let _changing = self.lock();
        let Some(needed) = repository.needed()? else {
            tracing::warn!(
                repository = repository.name,
                "a manifest is unreadable: nothing is collected there"
            );
            return Ok(());
        };
        let mut freed = self.freed();
        freed.released.retain(|(at, digest)| at != repository || !needed.contains(digest));
        for name in durable::list(&repository.blobs())? {
            let Some(digest) = Digest::of_hex(&name).filter(|found| !needed.contains(found)) else {
                continue;
            };
            let key = (repository.clone(), digest);
            let is_released = freed.released.contains(&key);
            let most = if is_released { RELEASED_MAX } else { ALONE_MAX };
            let path = repository.blob(&key.1);
            if changed(&path)?.is_some_and(|at| is_over(at, most, now)) {
                durable::remove(&path)?;
                freed.released.remove(&key);
            }
        }
        // What is not there any more is not waited for.
        freed.released.retain(|(at, digest)| at != repository || at.has_blob(digest));
        drop(freed);
        self.remove_empty(repository)
    }

    /// Removes the directories of a repository that has nothing, and of those above it, and what a
    /// crash left half-written.
    fn remove_empty(&self, repository: &Repository) -> Result<(), RegistryError> {
        for name in durable::list(&repository.dir)?.iter().filter(|name| name.starts_with('_')) {
            let part = repository.dir.join(name);
            durable::remove_unfinished(&part)?;
            if name == "_referrers" {
                for subject in durable::list(&part)? {
                    durable::remove_unfinished(&part.join(&subject))?;
                    remove_directory(&part.join(subject))?;
                }
            }
            remove_directory(&part)?;
        }
        let mut next = Some(repository.dir.as_path());
        while let Some(directory) = next.filter(|next| *next != self.root()) {
            if !remove_directory(directory)? {
                return Ok(());
            }
            next = directory.parent();
        }
        Ok(())
    }
}

impl Repository {
    /// Makes a blob as good as new for the collector; whether it is there. The caller holds the lock.
    pub(crate) fn renew(&self, digest: &Digest) -> Result<bool, RegistryError> {
        let path = self.blob(digest);
        let failed = |error| RegistryError::file("renew", &path)(error);
        let file = match File::options().append(true).open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            opened => opened.map_err(failed)?,
        };
        let modified = file.metadata().and_then(|found| found.modified()).map_err(failed)?;
        // Setting any time sets the change time to now.
        file.set_modified(modified).map_err(failed)?;
        Ok(true)
    }

    /// Renews all that a manifest names: somebody is about to fetch it.
    pub(crate) fn renew_parts(
        &self,
        storage: &Storage,
        manifest: &[u8],
    ) -> Result<(), RegistryError> {
        let document = serde_json::from_slice(manifest).unwrap_or_default();
        let _changing = storage.lock();
        named(&document).iter().try_for_each(|digest| self.renew(digest).map(drop))
    }

    /// Every digest that any manifest has anywhere; `None` if one cannot be read.
    fn needed(&self) -> Result<Option<HashSet<Digest>>, RegistryError> {
        let mut all = HashSet::new();
        for digest in self.digests()? {
            let manifest = self.manifest(&Reference::Digest(digest))?;
            let Ok(document) = serde_json::from_slice(&manifest.bytes) else { return Ok(None) };
            all.extend(named(&document));
        }
        Ok(Some(all))
    }
}

/// Every digest anywhere in a document.
fn named(document: &Value) -> HashSet<Digest> {
    let (mut found, mut open) = (HashSet::new(), vec![document]);
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => found.extend(Digest::parse(text)),
            Value::Array(values) => open.extend(values),
            Value::Object(members) => open.extend(members.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    found
}

/// Whether something is longer ago than that.
fn is_over(at: SystemTime, most: Duration, now: SystemTime) -> bool {
    now.duration_since(at).is_ok_and(|age| age > most)
}

/// When a file last changed in any way, if it is there.
fn changed(path: &Path) -> Result<Option<SystemTime>, RegistryError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        found => {
            let found = found.map_err(RegistryError::file("look at", path))?;
            let seconds = u64::try_from(found.ctime()).unwrap_or_default();
            Ok(Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)))
        }
    }
}

/// Removes a directory that is empty; whether it is gone.
fn remove_directory(path: &Path) -> Result<bool, RegistryError> {
    use std::io::ErrorKind::{DirectoryNotEmpty, NotADirectory, NotFound};
    match fs::remove_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), DirectoryNotEmpty | NotADirectory) => Ok(false),
        Err(error) if error.kind() == NotFound => Ok(true),
        Err(error) => Err(RegistryError::file("remove", path)(error)),
    }
}
