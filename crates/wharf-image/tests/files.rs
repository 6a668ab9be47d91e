//! Images from files, and layers that break rules.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    io::Write as _,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use wharf_image::{Image, ImageConfig, ImageError, ImageStore};

struct Lab {
    dir: tempfile::TempDir,
    store: ImageStore,
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let images = Utf8Path::from_path(dir.path()).unwrap().join("images");
        Self { store: ImageStore::open(ImageConfig::new(images)).unwrap(), dir }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.dir.path()).unwrap().join(name)
    }

    /// Imports a `docker save` archive of these layers (packed, and as their digest counts).
    fn import(&self, layers: &[(Vec<u8>, String)]) -> Result<Image, ImageError> {
        let dir = self.path("saved");
        drop(std::fs::remove_dir_all(&dir));
        std::fs::create_dir(&dir).unwrap();
        let diff_ids: Vec<&String> = layers.iter().map(|(_, diff_id)| diff_id).collect();
        let config = json!({ "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": { "type": "layers", "diff_ids": diff_ids } });
        std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
        let names: Vec<String> = (0..layers.len()).map(|n| format!("{n}/layer.tar")).collect();
        for (name, (packed, _)) in names.iter().zip(layers) {
            let path = dir.join(name);
            std::fs::create_dir(path.parent().unwrap()).unwrap();
            std::fs::write(path, packed).unwrap();
        }
        let list = json!([{ "Config": "config.json", "RepoTags": ["lab/app:1"], "Layers": names }]);
        std::fs::write(dir.join("manifest.json"), list.to_string()).unwrap();
        self.store.import(&dir, None, Timestamp::UNIX_EPOCH).map(|mut all| all.remove(0))
    }

    fn refusal(&self, layer: Vec<u8>, diff_id: &str) -> String {
        let error = self.import(&[(layer, diff_id.to_owned())]).unwrap_err();
        assert_eq!(self.store.list().len(), 0);
        for place in ["images/layers", "images/tmp"] {
            assert_eq!(self.path(place).read_dir_utf8().unwrap().count(), 0, "{place}");
        }
        error.to_string()
    }
}

fn digest(bytes: &[u8]) -> String {
    let hex = Sha256::digest(bytes).iter().fold(String::new(), |h, b| h + &format!("{b:02x}"));
    format!("sha256:{hex}")
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, path, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

fn plain(files: &[(&str, &[u8])]) -> (Vec<u8>, String) {
    let bytes = archive(files);
    let diff_id = digest(&bytes);
    (bytes, diff_id)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn a_layer_that_comes_twice_is_one_directory() {
    let lab = Lab::new();
    let (same, other) = (plain(&[("a", b"1")]), plain(&[("b", b"2")]));
    let image = lab.import(&[same.clone(), other, same]).unwrap();
    assert_eq!(image.layers.len(), 2);
    assert!(image.layers[0].join("a").is_file() && image.layers[1].join("b").is_file());
}

#[test]
fn the_manifest_of_an_archive_without_one_is_of_its_content() {
    let lab = Lab::new();
    let one = lab.import(&[plain(&[("a", b"1")])]).unwrap().digest;
    let (packed, diff_id) = plain(&[("a", b"1")]);
    let two = lab.import(&[(gzip(&packed), diff_id)]).unwrap().digest;
    assert_ne!(one, two, "the layer's file has another content");
}

#[test]
fn a_document_that_is_too_large_is_refused_and_not_cut() {
    let lab = Lab::new();
    lab.import(&[plain(&[("a", b"1")])]).unwrap();
    let dir = lab.path("saved");
    let config = std::fs::read_to_string(dir.join("config.json")).unwrap();
    std::fs::write(dir.join("config.json"), config + &" ".repeat(9 << 20)).unwrap();
    let error = lab.store.import(&dir, None, Timestamp::UNIX_EPOCH).unwrap_err();
    assert!(error.to_string().contains("it is too large"), "{error}");
}

#[test]
fn what_follows_the_end_of_a_layer_is_limited() {
    let lab = Lab::new();
    let mut bytes = archive(&[("a", b"1")]);
    bytes.resize(bytes.len() + 10_000, 0);
    lab.import(&[(gzip(&bytes), digest(&bytes))]).unwrap();
    let lab = Lab::new();
    bytes.resize(bytes.len() + (20 << 20), 0);
    let error = lab.refusal(gzip(&bytes), &digest(&bytes));
    assert!(error.contains("follows the end"), "{error}");
}

#[test]
fn a_name_that_is_too_long_is_not_read_to_memory() {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(64 << 20);
    header.set_cksum();
    archive.append(&header, std::io::Read::take(std::io::repeat(b'a'), 64 << 20)).unwrap();
    let bytes = archive.into_inner().unwrap();
    let error = Lab::new().refusal(gzip(&bytes), &digest(&bytes));
    assert!(error.contains("a header is too large"), "{error}");
}

#[test]
fn a_layer_that_unpacks_to_far_more_than_it_is_packed_is_refused() {
    // Three GiB of zeros, packed to three MiB and again to a few KiB.
    let mut archive = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
    let mut header = tar::Header::new_gnu();
    header.set_size(3 << 30);
    header.set_mode(0o644);
    let zeros = std::io::Read::take(std::io::repeat(0), 3 << 30);
    archive.append_data(&mut header, "zeros", zeros).unwrap();
    let packed = archive.into_inner().unwrap().finish().unwrap();
    assert!(packed.len() < 1 << 20);
    let error = Lab::new().refusal(packed, &digest(b"never reached"));
    assert!(error.contains("too large unpacked"), "{error}");
}

#[test]
fn a_diff_id_that_is_a_path_is_refused() {
    let lab = Lab::new();
    let error = lab.refusal(archive(&[("a", b"1")]), "sha256:../../../../tmp/escaped");
    assert!(error.contains("no digest"), "{error}");
}

#[tokio::test]
async fn what_a_request_is_about_to_name_is_not_pruned() {
    let lab = Lab::new();
    lab.import(&[plain(&[("a", b"1")])]).unwrap();
    // Held when the pruning began.
    let kept = lab.store.keep(["lab/app:1"]);
    let pruning = lab.store.begin_pruning().await;
    drop(kept);
    assert_eq!(pruning.remove(&[]).await.unwrap().images.len(), 0);
    // Held for a moment since.
    let pruning = lab.store.begin_pruning().await;
    drop(lab.store.keep(["docker.io/lab/app:1"]));
    assert_eq!(pruning.remove(&[]).await.unwrap().images.len(), 0);
    assert!(lab.store.list()[0].layers[0].join("a").is_file());
    let removed = lab.store.begin_pruning().await.remove(&[]).await.unwrap();
    assert_eq!((removed.images.len(), removed.layers), (1, 1));
    for place in ["images/layers", "images/blobs/sha256", "images/tmp"] {
        assert_eq!(lab.path(place).read_dir_utf8().unwrap().count(), 0, "{place}");
    }
}

fn header(kind: tar::EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o4750);
    header.set_uid(1000);
    header.set_gid(50);
    header.set_mtime(1_000_000_000);
    header
}

#[test]
fn what_is_exported_can_be_imported_with_everything_in_it() {
    let lab = Lab::new();
    let mut layer = tar::Builder::new(Vec::new());
    let attribute = [("SCHILY.xattr.user.colour", &b"red"[..])];
    layer.append_pax_extensions(attribute).unwrap();
    layer.append_data(&mut header(tar::EntryType::Regular, 5), "d/file", &b"hello"[..]).unwrap();
    layer.append_link(&mut header(tar::EntryType::Link, 0), "d/twin", "d/file").unwrap();
    layer.append_link(&mut header(tar::EntryType::Symlink, 0), "d/link", "file").unwrap();
    layer.append_data(&mut header(tar::EntryType::Fifo, 0), "d/fifo", &[][..]).unwrap();
    layer.append_data(&mut header(tar::EntryType::Regular, 0), "d/.wh.gone", &[][..]).unwrap();
    layer.append_data(&mut header(tar::EntryType::Regular, 0), "e/.wh..wh..opq", &[][..]).unwrap();
    let upper = layer.into_inner().unwrap();
    let diff_id = digest(&upper);
    let image = lab.import(&[plain(&[("below", b"1")]), (upper, diff_id)]).unwrap();
    let path = lab.path("exported.tar");
    lab.store.export(&image, std::fs::File::create(&path).unwrap()).unwrap();
    let again = Lab::new();
    let back = again.store.import(&path, None, Timestamp::UNIX_EPOCH).unwrap().remove(0);
    assert_eq!((&back.reference, back.layers.len()), (&image.reference, 2));
    assert_eq!(std::fs::read(back.layers[1].join("below")).unwrap(), b"1");
    let at = |name: &str| back.layers[0].join("d").join(name);
    let meta = |name: &str| std::fs::symlink_metadata(at(name)).unwrap();
    let file = meta("file");
    assert_eq!((file.uid(), file.gid(), file.mode() & 0o7777), (1000, 50, 0o4750));
    assert_eq!((file.mtime(), file.ino()), (1_000_000_000, meta("twin").ino()));
    assert_eq!(xattr::get(at("file"), "user.colour").unwrap().unwrap(), b"red");
    assert_eq!(std::fs::read_link(at("link")).unwrap().to_str(), Some("file"));
    assert!(meta("fifo").file_type().is_fifo());
    assert!(meta("gone").file_type().is_char_device() && meta("gone").rdev() == 0);
    let opaque = xattr::get(back.layers[0].join("e"), "trusted.overlay.opaque").unwrap();
    assert_eq!(opaque.unwrap(), b"y");
    // The same content is always packed alike.
    let path2 = again.path("exported.tar");
    again.store.export(&back, std::fs::File::create(&path2).unwrap()).unwrap();
    assert!(std::fs::read(path).unwrap() == std::fs::read(path2).unwrap());
}

#[test]
fn a_later_entry_of_a_layer_replaces_an_earlier_one() {
    use tar::EntryType::{Directory, Link, Regular, Symlink};
    let lab = Lab::new();
    let outside = lab.path("outside");
    std::fs::write(&outside, "safe").unwrap();
    let mut layer = tar::Builder::new(Vec::new());
    let file = |layer: &mut tar::Builder<Vec<u8>>, path: &str, text: &str| {
        let mut header = header(Regular, text.len() as u64);
        layer.append_data(&mut header, path, text.as_bytes()).unwrap();
    };
    file(&mut layer, "again", "first");
    file(&mut layer, "again", "second");
    file(&mut layer, "becomes-directory", "x");
    layer.append_data(&mut header(Directory, 0), "becomes-directory", &[][..]).unwrap();
    file(&mut layer, "becomes-directory/inner", "1");
    // A directory that comes again keeps what is in it.
    layer.append_data(&mut header(Directory, 0), "becomes-directory", &[][..]).unwrap();
    file(&mut layer, "becomes-file/inner", "1");
    file(&mut layer, "becomes-file", "2");
    // What a link points at is left alone.
    layer.append_link(&mut header(Symlink, 0), "link", outside.as_str()).unwrap();
    file(&mut layer, "link", "3");
    file(&mut layer, "becomes-link", "4");
    layer.append_link(&mut header(Symlink, 0), "becomes-link", "again").unwrap();
    file(&mut layer, "becomes-twin", "5");
    layer.append_link(&mut header(Link, 0), "becomes-twin", "again").unwrap();
    let plain = layer.into_inner().unwrap();
    let diff_id = digest(&plain);
    let image = lab.import(&[(plain, diff_id)]).unwrap();
    let text = |name: &str| std::fs::read_to_string(image.layers[0].join(name)).unwrap();
    for (name, expected) in [
        ("again", "second"),
        ("becomes-directory/inner", "1"),
        ("becomes-file", "2"),
        ("link", "3"),
        ("becomes-twin", "second"),
    ] {
        assert_eq!(text(name), expected, "{name}");
    }
    let place = |name: &str| std::fs::symlink_metadata(image.layers[0].join(name)).unwrap();
    assert!(place("becomes-link").is_symlink() && place("link").is_file());
    assert_eq!(place("again").ino(), place("becomes-twin").ino());
    assert_eq!(std::fs::read_to_string(outside).unwrap(), "safe");
}
