//! Images to files: an OCI layout as an archive, which this and other tools import.
//!
//! What is kept of a layer is its files, not the archive that it came in. The layer is packed anew,
//! so the exported image has the same content and another digest.

use std::{
    collections::HashMap,
    ffi::OsString,
    io::{self, Read as _, Seek as _, Write},
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::{FileTypeExt as _, MetadataExt as _},
    },
    path::{Path, PathBuf},
};

use camino::Utf8Path;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use crate::{Image, ImageError, ImageStore, layers, store::digest_of};

impl ImageStore {
    /// Writes an image as an OCI layout archive. Blocks: call it where that is allowed.
    pub fn export(&self, image: &Image, to: impl Write) -> Result<(), ImageError> {
        let _kept = self.keep([image.reference.as_str()]);
        let all = self.inner.layers();
        let mut archive = Builder::new(to);
        let mut packed: HashMap<&str, Value> = HashMap::new();
        let diff_ids = image.config.rootfs().diff_ids();
        for diff_id in diff_ids {
            if !packed.contains_key(diff_id.as_str()) {
                let layer = self.export_layer(&mut archive, &layers::path(&all, diff_id))?;
                packed.insert(diff_id, layer);
            }
        }
        let layers: Vec<&Value> =
            diff_ids.iter().filter_map(|id| packed.get(id.as_str())).collect();
        let write = |source| ImageError::File { operation: "export", path: "image".into(), source };
        documents(&mut archive, image, &layers).map_err(write)?;
        archive.into_inner().and_then(|mut to| to.flush()).map_err(write)
    }

    fn export_layer<W: Write>(
        &self,
        archive: &mut Builder<W>,
        layer: &Utf8Path,
    ) -> Result<Value, ImageError> {
        let mut export = || -> io::Result<Value> {
            let mut file = tempfile::tempfile_in(self.inner.temporary())?;
            let hashing = Hashing { inner: io::BufWriter::new(&mut file), hasher: Sha256::new() };
            let mut layer_archive = Builder::new(hashing);
            let mut packer = Packer { archive: &mut layer_archive, seen: HashMap::new() };
            packer.directory(layer.as_std_path(), Path::new(""))?;
            let Hashing { mut inner, hasher } = layer_archive.into_inner()?;
            inner.flush()?;
            drop(inner);
            let digest = format!("sha256:{}", layers::hex(&hasher.finalize()));
            let size = file.seek(io::SeekFrom::End(0))?;
            file.rewind()?;
            let mut header = plain_header(size);
            archive.append_data(&mut header, blob(&digest), file.take(size))?;
            let kind = "application/vnd.oci.image.layer.v1.tar";
            Ok(json!({ "mediaType": kind, "digest": digest, "size": size }))
        };
        export().map_err(ImageError::file("export", layer))
    }
}

fn documents<W: Write>(
    archive: &mut Builder<W>,
    image: &Image,
    layers: &[&Value],
) -> io::Result<()> {
    let mut config = serde_json::to_value(&*image.config)?;
    config["rootfs"]["diff_ids"] = layers.iter().map(|layer| layer["digest"].clone()).collect();
    let kind = |kind: &str| format!("application/vnd.oci.image.{kind}+json");
    let config = put(archive, &kind("config.v1"), &config)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": kind("manifest.v1"),
        "config": config,
        "layers": layers,
    });
    let mut entry = put(archive, &kind("manifest.v1"), &manifest)?;
    entry["annotations"] = json!({
        "io.containerd.image.name": image.reference,
        "org.opencontainers.image.ref.name": image.reference,
    });
    let index = json!({ "schemaVersion": 2, "manifests": [entry] });
    for (name, document) in
        [("index.json", index), ("oci-layout", json!({ "imageLayoutVersion": "1.0.0" }))]
    {
        let text = document.to_string();
        archive.append_data(&mut plain_header(text.len() as u64), name, text.as_bytes())?;
    }
    Ok(())
}

fn put<W: Write>(archive: &mut Builder<W>, kind: &str, document: &Value) -> io::Result<Value> {
    let text = document.to_string();
    let digest = digest_of(text.as_bytes());
    archive.append_data(&mut plain_header(text.len() as u64), blob(&digest), text.as_bytes())?;
    Ok(json!({ "mediaType": kind, "digest": digest, "size": text.len() }))
}

fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn plain_header(size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

struct Hashing<W> {
    inner: W,
    hasher: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Packs a layer's directory, overlayfs' whiteouts as the image format has them.
struct Packer<'a, W: Write> {
    archive: &'a mut Builder<W>,
    /// Files with several names, by device and number.
    seen: HashMap<(u64, u64), PathBuf>,
}

impl<W: Write> Packer<'_, W> {
    /// In the order of names, so that the same layer is always packed alike.
    fn directory(&mut self, real: &Path, path: &Path) -> io::Result<()> {
        let mut names: Vec<OsString> = Vec::new();
        for entry in fs_err::read_dir(real)? {
            names.push(entry?.file_name());
        }
        names.sort();
        if matches!(xattr::get(real, "trusted.overlay.opaque"), Ok(Some(value)) if value == b"y") {
            self.archive.append_data(&mut plain_header(0), path.join(".wh..wh..opq"), &[][..])?;
        }
        for name in names {
            self.entry(&real.join(&name), &path.join(&name))?;
        }
        Ok(())
    }

    fn entry(&mut self, real: &Path, path: &Path) -> io::Result<()> {
        let found = fs_err::symlink_metadata(real)?;
        let kind = found.file_type();
        if kind.is_char_device() && found.rdev() == 0 {
            let mut name = b".wh.".to_vec();
            name.extend_from_slice(path.file_name().unwrap_or_default().as_bytes());
            let hidden = path.with_file_name(OsString::from_vec(name));
            return self.archive.append_data(&mut plain_header(0), hidden, &[][..]);
        }
        let mut header = plain_header(0);
        header.set_mode(found.mode() & 0o7777);
        header.set_uid(found.uid().into());
        header.set_gid(found.gid().into());
        header.set_mtime(u64::try_from(found.mtime()).unwrap_or(0));
        if !kind.is_dir() && found.nlink() > 1 {
            if let Some(first) = self.seen.get(&(found.dev(), found.ino())) {
                header.set_entry_type(EntryType::Link);
                return self.archive.append_link(&mut header, path, first);
            }
            self.seen.insert((found.dev(), found.ino()), path.to_owned());
        }
        self.attributes(real)?;
        if kind.is_dir() {
            header.set_entry_type(EntryType::Directory);
            self.archive.append_data(&mut header, path, &[][..])?;
            return self.directory(real, path);
        }
        if kind.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            return self.archive.append_link(&mut header, path, fs_err::read_link(real)?);
        }
        if kind.is_file() {
            header.set_size(found.size());
            let file = fs_err::File::open(real)?;
            return self.archive.append_data(&mut header, path, file.take(found.size()));
        }
        header.set_entry_type(match () {
            () if kind.is_char_device() => EntryType::Char,
            () if kind.is_block_device() => EntryType::Block,
            () if kind.is_fifo() => EntryType::Fifo,
            // A socket is nothing without its listener.
            () => return Ok(()),
        });
        let number = |part: u64| u32::try_from(part).unwrap_or(0);
        header.set_device_major(number(nix::sys::stat::major(found.rdev())))?;
        header.set_device_minor(number(nix::sys::stat::minor(found.rdev())))?;
        self.archive.append_data(&mut header, path, &[][..])
    }

    fn attributes(&mut self, real: &Path) -> io::Result<()> {
        let mut found = Vec::new();
        for name in xattr::list(real)? {
            let Some(text) = name.to_str().filter(|name| !name.starts_with("trusted.")) else {
                continue;
            };
            if let Some(value) = xattr::get(real, &name)? {
                found.push((format!("SCHILY.xattr.{text}"), value));
            }
        }
        let pairs = found.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        if found.is_empty() { Ok(()) } else { self.archive.append_pax_extensions(pairs) }
    }
}
