//! Images from files: an OCI layout (directory or archive) or a `docker save` archive, and the
//! quickstart images that ship inside this program.

use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use oci_spec::image::{Arch, Descriptor, ImageIndex, ImageManifest, MediaType, Os};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{
    Image, ImageError, ImageStore,
    access::Access,
    layers, reference,
    registry::DOCUMENT_MAX,
    store::{Provenance, digest_of, parse_config, parse_manifest},
    unpack,
};

/// One image of a `docker save` archive.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

impl ImageStore {
    /// Imports all images of a file or directory for this platform; `name` replaces the names in
    /// it. Blocks: call it where that is allowed.
    pub fn import(
        &self,
        path: &Utf8Path,
        name: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<Image>, ImageError> {
        if path.is_dir() {
            return self.import_dir(path, path, name, now);
        }
        let file = fs_err::File::open(path).map_err(ImageError::file("open", path))?;
        self.import_archive(file, path, name, now)
    }

    fn import_archive(
        &self,
        archive: impl Read,
        path: &Utf8Path,
        name: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<Image>, ImageError> {
        let temporary = self.inner.temporary();
        let work = tempfile::Builder::new()
            .prefix("import-")
            .tempdir_in(&temporary)
            .map_err(ImageError::file("make a directory in", &temporary))?;
        let dir = Utf8Path::from_path(work.path()).unwrap_or(&temporary).join("archive");
        let mut plain = layers::unpacked(archive).map_err(ImageError::file("read", path))?;
        unpack::unpack(&mut plain, &dir)?;
        self.import_dir(&dir, path, name, now)
    }

    fn import_dir(
        &self,
        dir: &Utf8Path,
        path: &Utf8Path,
        name: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<Image>, ImageError> {
        let source = Source { dir, path };
        // A `docker save` archive of today is both; its own file has the better names.
        if dir.join("manifest.json").is_file() {
            self.import_saved(&source, name, now)
        } else if dir.join("index.json").is_file() {
            self.import_layout(&source, name, now)
        } else {
            let reason = "neither index.json nor manifest.json is in it";
            Err(ImageError::NoImage { path: path.to_owned(), reason })
        }
    }

    fn import_layout(
        &self,
        source: &Source<'_>,
        name: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<Image>, ImageError> {
        let index = parse_index(&source.read("index.json")?)?;
        let mut images = Vec::new();
        for descriptor in index.manifests() {
            let Some(manifest_bytes) = source.platform_manifest(descriptor)? else { continue };
            let manifest = parse_manifest(&manifest_bytes)?;
            let config = source.blob(manifest.config())?;
            let names = match name {
                Some(name) => vec![name.to_owned()],
                None => names_of(descriptor),
            };
            let files: Vec<String> = manifest.layers().iter().map(blob_path).collect();
            for name in names {
                let parts = (&manifest, manifest_bytes.as_slice());
                images.push(self.import_one(source, &name, parts, (&config, &files), now)?);
            }
        }
        if images.is_empty() {
            let reason = "no manifest in it is for this platform and has a name";
            return Err(ImageError::NoImage { path: source.path.to_owned(), reason });
        }
        Ok(images)
    }

    fn import_saved(
        &self,
        source: &Source<'_>,
        name: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<Image>, ImageError> {
        let list: Vec<Saved> = serde_json::from_slice(&source.read("manifest.json")?)
            .map_err(|error| ImageError::corrupt("manifest.json", error.to_string()))?;
        let mut images = Vec::new();
        for saved in list {
            let config = source.read(&saved.config)?;
            let (manifest, bytes) = source.made_up_manifest(&config, &saved.layers)?;
            let names = match name {
                Some(name) => vec![name.to_owned()],
                None => saved.repo_tags.unwrap_or_default(),
            };
            for name in names {
                let parts = (&manifest, bytes.as_slice());
                images.push(self.import_one(
                    source,
                    &name,
                    parts,
                    (&config, &saved.layers),
                    now,
                )?);
            }
        }
        if images.is_empty() {
            let reason = "no image in it has a name; give one";
            return Err(ImageError::NoImage { path: source.path.to_owned(), reason });
        }
        Ok(images)
    }

    fn import_one(
        &self,
        source: &Source<'_>,
        name: &str,
        manifest: (&ImageManifest, &[u8]),
        (config_bytes, files): (&[u8], &[String]),
        now: Timestamp,
    ) -> Result<Image, ImageError> {
        let whole = reference::parse(name)?.whole();
        let config = parse_config(config_bytes)?;
        let diff_ids = config.rootfs().diff_ids();
        if diff_ids.len() != files.len() {
            return Err(ImageError::corrupt(whole, "layers and diff ids differ in number"));
        }
        let _kept = self.inner.leases.take(diff_ids.clone());
        let (all, temporary) = (self.inner.layers(), self.inner.temporary());
        for (diff_id, file) in diff_ids.iter().zip(files) {
            if !layers::is_digest(diff_id) {
                return Err(ImageError::corrupt(whole, "a diff id is no digest"));
            }
            if !layers::path(&all, diff_id).is_dir() {
                let file = source.open(file)?;
                let size = file.metadata().map_err(ImageError::file("read", source.path))?.len();
                layers::publish((file, size), diff_id, &all, &temporary)?;
            }
        }
        self.publish(
            &whole,
            manifest,
            config_bytes,
            Provenance {
                access: Access::everyone(),
                is_imported: !Self::is_embedded(name)?,
                signed_by: None,
                now,
            },
        )
    }

    /// Whether the image ships inside this program.
    pub(crate) fn is_embedded(reference: &str) -> Result<bool, ImageError> {
        Ok(crate::quickstart::archive(&reference::parse(reference)?.whole()).is_some())
    }

    /// Imports the image if it ships inside this program.
    pub(crate) async fn import_embedded(
        &self,
        whole: &str,
        now: Timestamp,
    ) -> Result<Option<Image>, ImageError> {
        let Some(archive) = crate::quickstart::archive(whole) else { return Ok(None) };
        let (store, name) = (self.clone(), whole.to_owned());
        let what = format!("image {whole}");
        let work = move || {
            let path = Utf8PathBuf::from(&name);
            store.import_archive(archive, &path, Some(&name), now)
        };
        let images =
            tokio::task::spawn_blocking(work).await.map_err(|_| ImageError::Task { what })??;
        Ok(images.into_iter().next())
    }
}

/// A directory of unknown origin: files in it are opened as if it were `/`.
struct Source<'a> {
    dir: &'a Utf8Path,
    /// What the user called it.
    path: &'a Utf8Path,
}

impl Source<'_> {
    fn open(&self, name: &str) -> Result<std::fs::File, ImageError> {
        let open = || -> io::Result<std::fs::File> {
            let dir = fs_err::File::open(self.dir)?;
            let how = OpenHow::new()
                .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC)
                .resolve(ResolveFlag::RESOLVE_IN_ROOT);
            Ok(openat2(dir.file(), name, how)?.into())
        };
        open().map_err(ImageError::file("open", self.path.join(name)))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        self.open(name)?
            .take(DOCUMENT_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(ImageError::file("read", self.path.join(name)))?;
        if bytes.len() as u64 > DOCUMENT_MAX {
            return Err(ImageError::corrupt(self.path.join(name), "it is too large"));
        }
        Ok(bytes)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, ImageError> {
        let bytes = self.read(&blob_path(descriptor))?;
        let digest = descriptor.digest().to_string();
        if digest_of(&bytes) != digest {
            return Err(ImageError::corrupt(blob_path(descriptor), format!("it is not {digest}")));
        }
        Ok(bytes)
    }

    /// The manifest that a descriptor leads to, for this platform.
    fn platform_manifest(&self, descriptor: &Descriptor) -> Result<Option<Vec<u8>>, ImageError> {
        match descriptor.media_type() {
            MediaType::ImageIndex => {
                let index = parse_index(&self.blob(descriptor)?)?;
                let fitting = index.manifests().iter().find(|descriptor| is_for_us(descriptor));
                fitting.map(|descriptor| self.blob(descriptor)).transpose()
            }
            MediaType::ImageManifest | MediaType::Other(_) if is_for_us(descriptor) => {
                self.blob(descriptor).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// `docker save` archives of old have no manifest; one is made of what they have.
    fn made_up_manifest(
        &self,
        config: &[u8],
        files: &[String],
    ) -> Result<(ImageManifest, Vec<u8>), ImageError> {
        let mut entries = Vec::new();
        for file in files {
            let mut content = Counting { hasher: Sha256::new(), bytes: 0 };
            io::copy(&mut self.open(file)?, &mut content)
                .map_err(ImageError::file("read", self.path.join(file)))?;
            entries.push(serde_json::json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": format!("sha256:{}", layers::hex(&content.hasher.finalize())),
                "size": content.bytes,
            }));
        }
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest_of(config),
                "size": config.len(),
            },
            "layers": entries,
        });
        let bytes = manifest.to_string().into_bytes();
        Ok((parse_manifest(&bytes)?, bytes))
    }
}

/// Counts and digests what is written to it.
struct Counting {
    hasher: Sha256,
    bytes: u64,
}

impl io::Write for Counting {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.hasher.update(buffer);
        self.bytes += buffer.len() as u64;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn parse_index(bytes: &[u8]) -> Result<ImageIndex, ImageError> {
    ImageIndex::from_reader(bytes)
        .map_err(|error| ImageError::corrupt("index.json", error.to_string()))
}

fn blob_path(descriptor: &Descriptor) -> String {
    let digest = descriptor.digest();
    format!("blobs/{}/{}", digest.algorithm(), digest.digest())
}

fn is_for_us(descriptor: &Descriptor) -> bool {
    descriptor.platform().as_ref().is_none_or(|platform| {
        *platform.os() == Os::Linux && *platform.architecture() == Arch::default()
    })
}

/// The names that common tools give: containerd's in full, the layout's own often only a tag.
fn names_of(descriptor: &Descriptor) -> Vec<String> {
    let Some(annotations) = descriptor.annotations() else { return Vec::new() };
    ["io.containerd.image.name", "org.opencontainers.image.ref.name"]
        .into_iter()
        .filter_map(|key| annotations.get(key))
        .take(1)
        .cloned()
        .collect()
}
