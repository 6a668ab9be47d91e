//! Removing what nobody uses.

use std::collections::HashSet;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::sync::OwnedMutexGuard;

use crate::{
    Image, ImageError, ImageStore, reference,
    store::{Inner, lock},
};

/// What pruning removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// References.
    pub images: Vec<String>,
    /// How many layers.
    pub layers: usize,
}

/// When images that nobody uses have to go by themselves. Imported ones never do: nobody could bring
/// them back.
#[derive(Clone, Copy, Debug)]
pub struct Keeping {
    /// Nothing goes before the disk is filled so far, in percent.
    pub high_percent: u8,
    /// Then images go, longest unused first, until it is filled no more than this.
    pub low_percent: u8,
    /// What was unused for so long goes even with an empty disk.
    pub max_age: Option<SignedDuration>,
    /// What was used so recently stays whatever happens.
    pub min_age: SignedDuration,
}

/// A pruning under way: what is named or put to use from now on stays. The caller finds out which
/// images are in use only after it has begun.
#[derive(Debug)]
pub struct Pruning {
    store: ImageStore,
    _alone: OwnedMutexGuard<()>,
}

impl ImageStore {
    /// Begins to prune; waits for a pruning under way.
    pub async fn begin_pruning(&self) -> Pruning {
        let alone = std::sync::Arc::clone(&self.inner.pruning).lock_owned().await;
        self.inner.leases.remember();
        Pruning { store: self.clone(), _alone: alone }
    }
}

impl Drop for Pruning {
    fn drop(&mut self) {
        self.store.inner.leases.forget();
    }
}

impl Pruning {
    /// Removes images that are not in use, and layers that no image has any more. `in_use` holds
    /// references as users wrote them.
    pub async fn remove(self, in_use: &[String]) -> Result<Removed, ImageError> {
        let kept = whole(in_use);
        self.blocking(move |inner| {
            let images = inner.remove_images(|image| !kept.contains(&image.reference))?;
            let layers = inner.remove_unused()?;
            Ok(Removed { images, layers })
        })
        .await
    }

    /// Removes as few images as are to go by themselves; none that is in use.
    pub async fn collect(
        self,
        in_use: &[String],
        keeping: Keeping,
        now: Timestamp,
    ) -> Result<Removed, ImageError> {
        let kept = whole(in_use);
        self.blocking(move |inner| inner.collect(&kept, keeping, now)).await
    }

    async fn blocking(
        self,
        work: impl FnOnce(&Inner) -> Result<Removed, ImageError> + Send + 'static,
    ) -> Result<Removed, ImageError> {
        let what = "what is pruned".to_owned();
        tokio::task::spawn_blocking(move || work(&self.store.inner))
            .await
            .map_err(|_| ImageError::Task { what })?
    }
}

fn whole(in_use: &[String]) -> HashSet<String> {
    in_use.iter().filter_map(|r| reference::parse(r).ok()).map(|r| r.whole()).collect()
}

impl Inner {
    fn collect(
        &self,
        kept: &HashSet<String>,
        keeping: Keeping,
        now: Timestamp,
    ) -> Result<Removed, ImageError> {
        let age = |image: &Image| now.duration_since(image.used_at);
        let may_go = |image: &Image| {
            !image.is_imported && !kept.contains(&image.reference) && age(image) >= keeping.min_age
        };
        let mut removed = Removed::default();
        if let Some(max) = keeping.max_age {
            removed.images = self.remove_images(|image| may_go(image) && age(image) >= max)?;
        }
        if !removed.images.is_empty() {
            removed.layers = self.remove_unused()?;
        }
        if self.filled_percent()? < keeping.high_percent {
            return Ok(removed);
        }
        // What a crash or a pull that failed left behind goes first.
        removed.layers += self.remove_unused()?;
        let mut oldest: Vec<Image> =
            lock(&self.images).values().filter(|image| may_go(image)).cloned().collect();
        oldest.sort_by_key(|image| image.used_at);
        for image in oldest {
            if self.filled_percent()? <= keeping.low_percent {
                break;
            }
            let gone = self.remove_images(|known| {
                known.reference == image.reference && known.used_at == image.used_at
            })?;
            removed.images.extend(gone);
            removed.layers += self.remove_unused()?;
        }
        Ok(removed)
    }

    fn filled_percent(&self) -> Result<u8, ImageError> {
        let dir = &self.config.dir;
        let disk = nix::sys::statvfs::statvfs(dir.as_std_path())
            .map_err(std::io::Error::from)
            .map_err(ImageError::file("measure", dir))?;
        let (used, free) = (disk.blocks() - disk.blocks_free(), disk.blocks_available());
        let percent = (used * 100).div_ceil((used + free).max(1));
        Ok(u8::try_from(percent).unwrap_or(100))
    }

    fn remove_images(&self, is_to_go: impl Fn(&Image) -> bool) -> Result<Vec<String>, ImageError> {
        let mut images = lock(&self.images);
        let candidates: Vec<String> =
            images.values().filter(|image| is_to_go(image)).map(|i| i.reference.clone()).collect();
        let removed: Vec<String> = candidates
            .into_iter()
            .filter(|reference| {
                self.leases.unless_held(reference, || images.remove(reference)).is_some()
            })
            .collect();
        self.save_index(&images)?;
        Ok(removed)
    }

    /// Removes layers and blobs that no image refers to; returns how many layers.
    fn remove_unused(&self) -> Result<usize, ImageError> {
        let used = self.used();
        let graves = tempfile::Builder::new()
            .prefix("pruned-")
            .tempdir_in(self.temporary())
            .map_err(ImageError::file("make a directory in", self.temporary()))?;
        let mut layers = 0;
        for dir in [self.layers(), self.blobs()] {
            let entries = dir.read_dir_utf8().map_err(ImageError::file("list", &dir))?;
            for entry in entries.flatten().filter(|entry| !used.contains(entry.path())) {
                let path = entry.path();
                let is_layer = path.is_dir();
                if self.bury(path, graves.path())? {
                    layers += usize::from(is_layer);
                }
            }
        }
        let path = graves.path().display().to_string();
        graves.close().map_err(ImageError::file("remove", path))?;
        Ok(layers)
    }

    /// Takes a layer or blob away in one step, unless it is about to be used.
    fn bury(&self, path: &Utf8Path, graves: &std::path::Path) -> Result<bool, ImageError> {
        let name = path.file_name().unwrap_or_default();
        let digest = format!("sha256:{name}");
        let buried = self.leases.unless_held(&digest, || fs_err::rename(path, graves.join(name)));
        buried.transpose().map_err(ImageError::file("remove", path)).map(|buried| buried.is_some())
    }

    /// Where everything is that an image refers to.
    fn used(&self) -> HashSet<Utf8PathBuf> {
        let mut used: HashSet<Utf8PathBuf> = HashSet::new();
        for image in lock(&self.images).values() {
            used.extend(image.layers.iter().cloned());
            used.extend([&image.digest, &image.config_digest].map(|digest| self.blob(digest)));
        }
        used
    }
}
