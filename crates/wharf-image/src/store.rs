//! The image store: which images are here, and where their layers are.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use oci_spec::image::{ImageConfiguration, ImageManifest};
use sha2::{Digest as _, Sha256};

use crate::{
    ImageError, ImagePolicy, PullUnderWay,
    access::{Access, FingerprintKey},
    index::{Durability, Entry},
    layers,
    lease::{Lease, Leases},
    reference,
    registry::{Registries, RegistryConfig},
};

/// How the store works.
#[derive(Clone, Debug)]
pub struct ImageConfig {
    /// `D/images`.
    pub dir: Utf8PathBuf,
    /// What the administrator says about registries.
    pub registries: RegistryConfig,
    /// What the administrator demands of images.
    pub policy: ImagePolicy,
    /// Taken for the host's boot id; for tests of power cuts.
    pub boot_id: Option<String>,
}

impl ImageConfig {
    /// The usual for a directory.
    pub fn new(dir: Utf8PathBuf) -> Self {
        let (registries, policy) = (RegistryConfig::default(), ImagePolicy::default());
        Self { dir, registries, policy, boot_id: None }
    }
}

/// An image that is here.
#[derive(Clone, Debug)]
pub struct Image {
    /// The full reference: `docker.io/library/nginx:latest`.
    pub reference: String,
    /// The digest of its manifest.
    pub digest: String,
    /// Its configuration: entry point, environment, user and so on.
    pub config: Arc<ImageConfiguration>,
    /// Its layers as directories, uppermost first, as overlayfs wants them: each once, since a layer
    /// that comes again further down changes nothing.
    pub layers: Arc<[Utf8PathBuf]>,
    /// Size of its packed layers, in bytes.
    pub packed_bytes: u64,
    /// When it was pulled or imported.
    pub stored_at: Timestamp,
    /// When a container of it was last to be started, as far as that is known.
    pub used_at: Timestamp,
    /// Nobody but the administrator can bring it back.
    pub(crate) is_imported: bool,
    /// Whether it would outlive a power cut.
    pub(crate) is_durable: bool,
    pub(crate) config_digest: String,
    pub(crate) access: Arc<Access>,
    /// Keys of the administrator's with which it was signed, by fingerprint.
    pub(crate) signed_by: Arc<BTreeSet<String>>,
}

impl Image {
    /// Keys of the administrator's with which it is known to be signed: digests of the keys.
    pub fn signers(&self) -> impl Iterator<Item = &str> {
        self.signed_by.iter().map(String::as_str)
    }
}

/// All images of this host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ImageStore {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: ImageConfig,
    pub(crate) images: Mutex<BTreeMap<String, Image>>,
    /// One at a time for each reference and each layer.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    pub(crate) leases: Arc<Leases>,
    /// One pruning at a time.
    pub(crate) pruning: Arc<tokio::sync::Mutex<()>>,
    pub(crate) fingerprints: FingerprintKey,
    pub(crate) registries: Registries,
    pub(crate) pulls: Mutex<BTreeMap<u64, PullUnderWay>>,
    pub(crate) durability: Durability,
}

/// Where an image that is published comes from.
#[derive(Clone, Debug)]
pub(crate) struct Provenance {
    pub(crate) access: Access,
    pub(crate) is_imported: bool,
    pub(crate) signed_by: Option<String>,
    pub(crate) now: Timestamp,
}

impl ImageStore {
    /// Opens the store, makes it if it is not there, and clears away half-done work.
    pub fn open(config: ImageConfig) -> Result<Self, ImageError> {
        fs_err::create_dir_all(&config.dir).map_err(ImageError::file("make", &config.dir))?;
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs_err::set_permissions(&config.dir, permissions)
            .map_err(ImageError::file("protect", &config.dir))?;
        let inner = Inner {
            fingerprints: FingerprintKey::open(&config.dir)?,
            pulls: Mutex::default(),
            durability: Durability::new(config.boot_id.as_deref())?,
            registries: Registries::new(config.registries.clone()),
            config,
            images: Mutex::default(),
            turns: Mutex::default(),
            leases: Arc::default(),
            pruning: Arc::default(),
        };
        match fs_err::remove_dir_all(inner.temporary()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(ImageError::file("clear", inner.temporary())(error));
            }
            Ok(()) | Err(_) => {}
        }
        for dir in [inner.blobs(), inner.layers(), inner.temporary()] {
            fs_err::create_dir_all(&dir).map_err(ImageError::file("make", &dir))?;
        }
        let images = inner.load_index()?;
        *lock(&inner.images) = images;
        let store = Self { inner: Arc::new(inner) };
        store.make_durable();
        Ok(store)
    }

    /// The image of that reference, if it is here. Touches neither disk nor network.
    pub fn resolve(&self, reference: &str) -> Result<Option<Image>, ImageError> {
        let whole = reference::parse(reference)?.whole();
        Ok(lock(&self.inner.images).get(&whole).cloned())
    }

    /// The image, if it is here whole and as the administrator wants it: one that has lost a layer is
    /// forgotten, to be pulled again.
    pub fn resolve_whole(&self, reference: &str) -> Result<Option<Image>, ImageError> {
        let Some(image) = self.resolve(reference)? else { return Ok(None) };
        let Some(lost) = image.layers.iter().find(|layer| !layer.is_dir()) else {
            return Ok(self.is_met_by(&image).then_some(image));
        };
        tracing::warn!(reference = image.reference, layer = %lost, "an image has lost a layer");
        let mut images = lock(&self.inner.images);
        if images.get(&image.reference).is_some_and(|known| known.digest == image.digest) {
            images.remove(&image.reference);
            self.inner.save_index(&images)?;
        }
        Ok(None)
    }

    /// Notes that an image is put to use.
    pub fn touch(&self, reference: &str, now: Timestamp) {
        let Ok(parsed) = reference::parse(reference) else { return };
        if let Some(image) = lock(&self.inner.images).get_mut(&parsed.whole()) {
            image.used_at = image.used_at.max(now);
        }
    }

    /// All images, by reference.
    pub fn list(&self) -> Vec<Image> {
        lock(&self.inner.images).values().cloned().collect()
    }

    /// Keeps images of these names from being pruned, be they here or not, as long as the lease
    /// lives.
    pub fn keep<'a>(&self, references: impl IntoIterator<Item = &'a str>) -> Lease {
        let parsed = references.into_iter().filter_map(|name| reference::parse(name).ok());
        self.inner.leases.take(parsed.map(|reference| reference.whole()).collect())
    }

    /// Waits for one's turn with a reference or layer.
    pub(crate) async fn turn(&self, name: &str) -> tokio::sync::OwnedMutexGuard<()> {
        let mutex = Arc::clone(lock(&self.inner.turns).entry(name.to_owned()).or_default());
        let guard = mutex.lock_owned().await;
        // Nobody else waits for these: their entries may go.
        lock(&self.inner.turns).retain(|_, mutex| Arc::strong_count(mutex) > 1);
        guard
    }

    /// Publishes an image whose layers are all here.
    pub(crate) fn publish(
        &self,
        reference: &str,
        (manifest, manifest_bytes): (&ImageManifest, &[u8]),
        config_bytes: &[u8],
        from: Provenance,
    ) -> Result<Image, ImageError> {
        let inner = &self.inner;
        let _kept = inner.leases.take(vec![digest_of(config_bytes), digest_of(manifest_bytes)]);
        inner.write_blob(config_bytes)?;
        let digest = inner.write_blob(manifest_bytes)?;
        let mut images = lock(&inner.images);
        // Another image under the same name is another image: who had the old one has no say.
        let before = images.get(reference).filter(|before| before.digest == digest);
        let Provenance { access, is_imported, signed_by, now } = from;
        let (access, imported) = match before {
            Some(old) => (access.with(&old.access), is_imported && old.is_imported),
            None => (access, is_imported),
        };
        let known = before.iter().flat_map(|old| old.signed_by.iter().cloned());
        let signed_by = known.chain(signed_by).collect();
        let is_durable = before.is_some_and(|before| before.is_durable);
        let used_at = Some(now);
        let entry = Entry { digest, stored_at: now, access, used_at, imported, signed_by };
        let config = parse_config(config_bytes)?;
        let image = Image { is_durable, ..inner.image(reference, &entry, manifest, config) };
        images.insert(reference.to_owned(), image.clone());
        inner.save_fresh(&images)?;
        drop(images);
        self.make_durable();
        Ok(image)
    }

    /// Lets more people use an image that is here.
    pub(crate) fn grant(&self, reference: &str, more: &Access) -> Result<(), ImageError> {
        let mut images = lock(&self.inner.images);
        let Some(image) = images.get_mut(reference) else { return Ok(()) };
        let access = Access::clone(&image.access).with(more);
        if access == *image.access {
            return Ok(());
        }
        image.access = Arc::new(access);
        self.inner.save_index(&images)
    }
}

pub(crate) fn parse_config(bytes: &[u8]) -> Result<ImageConfiguration, ImageError> {
    ImageConfiguration::from_reader(bytes)
        .map_err(|error| ImageError::corrupt("image configuration", error.to_string()))
}

pub(crate) fn parse_manifest(bytes: &[u8]) -> Result<ImageManifest, ImageError> {
    ImageManifest::from_reader(bytes)
        .map_err(|error| ImageError::corrupt("image manifest", error.to_string()))
}

pub(crate) fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", layers::hex(&Sha256::digest(bytes)))
}

impl Inner {
    pub(crate) fn blobs(&self) -> Utf8PathBuf {
        self.config.dir.join("blobs/sha256")
    }

    pub(crate) fn layers(&self) -> Utf8PathBuf {
        self.config.dir.join("layers")
    }

    pub(crate) fn temporary(&self) -> Utf8PathBuf {
        self.config.dir.join("tmp")
    }

    pub(crate) fn blob(&self, digest: &str) -> Utf8PathBuf {
        self.blobs().join(digest.trim_start_matches("sha256:"))
    }

    pub(crate) fn image(
        &self,
        reference: &str,
        entry: &Entry,
        manifest: &ImageManifest,
        config: ImageConfiguration,
    ) -> Image {
        let all = self.layers();
        let mut seen = HashSet::new();
        let diff_ids = config.rootfs().diff_ids().iter().rev();
        let layers = diff_ids
            .filter(|diff_id| seen.insert(diff_id.as_str()))
            .map(|diff_id| layers::path(&all, diff_id))
            .collect();
        Image {
            reference: reference.to_owned(),
            digest: entry.digest.clone(),
            layers,
            packed_bytes: manifest.layers().iter().map(oci_spec::image::Descriptor::size).sum(),
            config_digest: manifest.config().digest().to_string(),
            config: Arc::new(config),
            stored_at: entry.stored_at,
            access: Arc::new(entry.access.clone()),
            used_at: entry.used_at.unwrap_or(entry.stored_at),
            is_imported: entry.imported,
            signed_by: Arc::new(entry.signed_by.clone()),
            is_durable: true,
        }
    }

    pub(crate) fn read_blob(&self, digest: &str) -> Result<Vec<u8>, ImageError> {
        let path = self.blob(digest);
        let bytes = fs_err::read(&path).map_err(ImageError::file("read", &path))?;
        if digest_of(&bytes) != digest {
            return Err(ImageError::corrupt(path, "its content does not match its name"));
        }
        Ok(bytes)
    }

    fn write_blob(&self, bytes: &[u8]) -> Result<String, ImageError> {
        let digest = digest_of(bytes);
        self.write(&self.blob(&digest), bytes)?;
        Ok(digest)
    }

    /// Whole or not at all, as long as the power does not go.
    pub(crate) fn write(&self, path: &Utf8Path, bytes: &[u8]) -> Result<(), ImageError> {
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(self.temporary())?;
            io::Write::write_all(&mut file, bytes)?;
            file.persist(path).map(drop).map_err(|error| error.error)
        };
        write().map_err(ImageError::file("write", path))
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
