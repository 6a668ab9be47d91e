//! Removing what nobody uses.

use std::collections::HashSet;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use tokio::sync::OwnedMutexGuard;

use crate::{
    ImageError, ImageStore, reference,
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
        let kept: HashSet<String> =
            in_use.iter().filter_map(|r| reference::parse(r).ok()).map(|r| r.whole()).collect();
        let work = move || {
            let images = self.store.inner.remove_images(&kept)?;
            let layers = self.store.inner.remove_unused()?;
            Ok(Removed { images, layers })
        };
        let what = "what is pruned".to_owned();
        tokio::task::spawn_blocking(work).await.map_err(|_| ImageError::Task { what })?
    }
}

impl Inner {
    fn remove_images(&self, kept: &HashSet<String>) -> Result<Vec<String>, ImageError> {
        let mut images = lock(&self.images);
        let candidates: Vec<String> =
            images.keys().filter(|reference| !kept.contains(*reference)).cloned().collect();
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
