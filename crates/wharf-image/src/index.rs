//! Which images there are, on the disk, and which of them would outlive a power cut.
//!
//! A pull waits for no disk: an image is published as soon as it is whole, and a thread writes
//! everything out behind it. `index.json` names what is durable; `fresh.json` names the rest and
//! counts only in the boot in which it was written, where what was written can still be read.
//! Whatever neither of them names after another boot may be torn, and goes.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Image, ImageError, ImageStore,
    access::Access,
    store::{Inner, lock, parse_config, parse_manifest},
};

/// What the index says of an image.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) digest: String,
    pub(crate) stored_at: Timestamp,
    #[serde(default)]
    pub(crate) access: Access,
    #[serde(default)]
    pub(crate) used_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) imported: bool,
    #[serde(default)]
    pub(crate) signed_by: BTreeSet<String>,
}

/// What is not durable yet.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Fresh {
    boot_id: String,
    images: BTreeMap<String, Entry>,
}

/// How things stand with the disk.
#[derive(Debug)]
pub(crate) struct Durability {
    boot_id: String,
    is_syncing: AtomicBool,
}

impl Durability {
    pub(crate) fn new(boot_id: Option<&str>) -> Result<Self, ImageError> {
        let path = Utf8Path::new("/proc/sys/kernel/random/boot_id");
        let boot_id = match boot_id {
            Some(boot_id) => boot_id.to_owned(),
            None => fs_err::read_to_string(path).map_err(ImageError::file("read", path))?,
        };
        Ok(Self { boot_id: boot_id.trim().to_owned(), is_syncing: AtomicBool::new(false) })
    }
}

impl ImageStore {
    /// Has everything written out, if anything has to be, and remembers that it was.
    pub(crate) fn make_durable(&self) {
        let is_needed = || lock(&self.inner.images).values().any(|image| !image.is_durable);
        if !is_needed() || self.inner.durability.is_syncing.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = Arc::clone(&self.inner);
        std::thread::spawn(move || {
            loop {
                let written = inner.write_out();
                inner.durability.is_syncing.store(false, Ordering::Release);
                if let Err(error) = &written {
                    tracing::error!(%error, "images would not outlive a power cut");
                    return;
                }
                // What was published meanwhile is left to whoever is first to see it.
                let is_left = lock(&inner.images).values().any(|image| !image.is_durable);
                if !is_left || inner.durability.is_syncing.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        });
    }
}

impl Inner {
    fn index(&self) -> Utf8PathBuf {
        self.config.dir.join("index.json")
    }

    fn fresh(&self) -> Utf8PathBuf {
        self.config.dir.join("fresh.json")
    }

    /// Images whose blobs or layers are missing or damaged are left out: they are pulled again.
    pub(crate) fn load_index(&self) -> Result<BTreeMap<String, Image>, ImageError> {
        let durable: BTreeMap<String, Entry> = read(&self.index())?.unwrap_or_default();
        let fresh: Option<Fresh> = read(&self.fresh()).unwrap_or_else(|error| {
            // Torn by a power cut, as it may be.
            tracing::warn!(%error, "what was not durable is gone");
            Some(Fresh::default())
        });
        let mut images = BTreeMap::new();
        self.load(durable, true, &mut images);
        match fresh {
            Some(fresh) if fresh.boot_id == self.durability.boot_id => {
                self.load(fresh.images, false, &mut images);
            }
            // Stores without the file were written by a Wharf that waited for the disk.
            known => {
                if known.is_some() {
                    self.remove_torn(&images)?;
                }
                self.save_fresh(&BTreeMap::new())?;
                self.sync(&self.fresh())?;
            }
        }
        Ok(images)
    }

    fn load(
        &self,
        entries: BTreeMap<String, Entry>,
        is_durable: bool,
        images: &mut BTreeMap<String, Image>,
    ) {
        for (reference, entry) in entries {
            match self.load_image(&reference, &entry) {
                Ok(image) => drop(images.insert(reference, Image { is_durable, ..image })),
                Err(error) => tracing::warn!(%reference, %error, "image left out"),
            }
        }
    }

    fn load_image(&self, reference: &str, entry: &Entry) -> Result<Image, ImageError> {
        let manifest = parse_manifest(&self.read_blob(&entry.digest)?)?;
        let config = parse_config(&self.read_blob(manifest.config().digest().as_ref())?)?;
        let image = self.image(reference, entry, &manifest, config);
        match image.layers.iter().find(|layer| !layer.is_dir()) {
            None => Ok(image),
            Some(missing) => Err(ImageError::corrupt(missing.as_str(), "it is missing")),
        }
    }

    /// Removes layers of which nobody can say whether the disk has all of them.
    fn remove_torn(&self, images: &BTreeMap<String, Image>) -> Result<(), ImageError> {
        let known: HashSet<&Utf8PathBuf> =
            images.values().flat_map(|image| image.layers.iter()).collect();
        let dir = self.layers();
        for entry in dir.read_dir_utf8().map_err(ImageError::file("list", &dir))?.flatten() {
            if !known.contains(&entry.path().to_owned()) {
                let removed = fs_err::remove_dir_all(entry.path());
                removed.map_err(ImageError::file("remove", entry.path()))?;
            }
        }
        Ok(())
    }

    /// Writes both files after a change of what is durable.
    pub(crate) fn save_index(&self, images: &BTreeMap<String, Image>) -> Result<(), ImageError> {
        let durable = entries(images.iter().filter(|(_, image)| image.is_durable));
        self.write(&self.index(), &text(&durable)?)?;
        self.sync(&self.index())?;
        self.save_fresh(images)
    }

    /// Writes down what is not durable.
    pub(crate) fn save_fresh(&self, images: &BTreeMap<String, Image>) -> Result<(), ImageError> {
        let images = entries(images.iter().filter(|(_, image)| !image.is_durable));
        let fresh = Fresh { boot_id: self.durability.boot_id.clone(), images };
        self.write(&self.fresh(), &text(&fresh)?)
    }

    fn write_out(&self) -> Result<(), ImageError> {
        let of = |image: &Image| (image.reference.clone(), image.digest.clone());
        let fresh: HashSet<(String, String)> =
            lock(&self.images).values().filter(|image| !image.is_durable).map(of).collect();
        let dir = &self.config.dir;
        let written = fs_err::File::open(dir)
            .and_then(|file| nix::unistd::syncfs(file.file()).map_err(io::Error::from));
        written.map_err(ImageError::file("write out", dir))?;
        let mut images = lock(&self.images);
        for image in images.values_mut() {
            image.is_durable |= fresh.contains(&of(image));
        }
        self.save_index(&images)
    }

    /// Waits until a file and its name are on the disk.
    fn sync(&self, path: &Utf8Path) -> Result<(), ImageError> {
        let sync = || {
            fs_err::File::open(path)?.sync_all()?;
            fs_err::File::open(&self.config.dir)?.sync_all()
        };
        sync().map_err(ImageError::file("sync", path))
    }
}

fn entries<'a>(images: impl Iterator<Item = (&'a String, &'a Image)>) -> BTreeMap<String, Entry> {
    let entry = |(reference, image): (&String, &Image)| {
        let entry = Entry {
            digest: image.digest.clone(),
            stored_at: image.stored_at,
            access: Access::clone(&image.access),
            used_at: Some(image.used_at),
            imported: image.is_imported,
            signed_by: BTreeSet::clone(&image.signed_by),
        };
        (reference.clone(), entry)
    };
    images.map(entry).collect()
}

fn text(document: &impl Serialize) -> Result<Vec<u8>, ImageError> {
    serde_json::to_vec_pretty(document)
        .map_err(|error| ImageError::corrupt("image index", error.to_string()))
}

fn read<T: for<'a> Deserialize<'a>>(path: &Utf8Path) -> Result<Option<T>, ImageError> {
    let text = match fs_err::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ImageError::file("read", path)(error)),
    };
    let parsed = serde_json::from_slice(&text);
    parsed.map(Some).map_err(|error| ImageError::corrupt(path.as_str(), error.to_string()))
}
