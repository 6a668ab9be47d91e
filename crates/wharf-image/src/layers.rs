//! Turning the bytes of a layer into a directory that is published whole or not at all.

use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use crate::{ImageError, unpack};

/// How a layer's tar archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    /// By magic number, since media types are often wrong.
    pub(crate) fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// Unpacked, whatever it was packed with.
pub(crate) fn unpacked<'a>(mut packed: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = Vec::new();
    packed.by_ref().take(4).read_to_end(&mut magic)?;
    let packing = Packing::of(&magic);
    let whole = io::Cursor::new(magic).chain(packed);
    Ok(match packing {
        Packing::Plain => Box::new(io::BufReader::new(whole)),
        Packing::Gzip => Box::new(MultiGzDecoder::new(whole)),
        Packing::Zstd => Box::new(zstd::Decoder::new(whole)?),
    })
}

/// Unpacks a layer and publishes it under its diff id (`sha256:…` of the plain tar archive).
pub(crate) fn publish(
    packed: impl Read,
    diff_id: &str,
    layers: &Utf8Path,
    temporary: &Utf8Path,
) -> Result<(), ImageError> {
    let work = tempfile::Builder::new()
        .prefix("layer-")
        .tempdir_in(temporary)
        .map_err(ImageError::file("make a directory in", temporary))?;
    let Some(root) = Utf8Path::from_path(work.path()).map(|path| path.join("layer")) else {
        return Err(ImageError::corrupt(temporary.as_str(), "its name is not UTF-8"));
    };
    let what = || format!("layer {diff_id}");
    let plain = unpacked(packed).map_err(|source| ImageError::Download { what: what(), source })?;
    let mut hashing = Hashing { inner: plain, hasher: Sha256::new() };
    unpack::unpack(&mut hashing, &root)?;
    // What follows the end of the archive counts for the digest.
    io::copy(&mut hashing, &mut io::sink())
        .map_err(|source| ImageError::Download { what: what(), source })?;
    let found = format!("sha256:{}", hex(&hashing.hasher.finalize()));
    if found != diff_id {
        return Err(ImageError::corrupt(what(), format!("its content has the digest {found}")));
    }
    make_durable(&root)?;
    rename_into(&root, &path(layers, diff_id))
}

/// Where a layer is, or will be.
pub(crate) fn path(layers: &Utf8Path, diff_id: &str) -> Utf8PathBuf {
    layers.join(diff_id.trim_start_matches("sha256:"))
}

fn make_durable(root: &Utf8Path) -> Result<(), ImageError> {
    let sync = || {
        let directory = fs_err::File::open(root)?;
        nix::unistd::syncfs(directory.file()).map_err(io::Error::from)
    };
    sync().map_err(ImageError::file("sync", root))
}

/// Another process of the same daemon may have been faster; its copy is as good.
fn rename_into(from: &Utf8Path, to: &Utf8Path) -> Result<(), ImageError> {
    match fs_err::rename(from, to) {
        Err(_) if to.is_dir() => Ok(()),
        Err(source) => Err(ImageError::file("publish", to)(source)),
        Ok(()) => {
            let parent = to.parent().unwrap_or(to);
            fs_err::File::open(parent)
                .and_then(|directory| directory.sync_all())
                .map_err(ImageError::file("sync", parent))
        }
    }
}

struct Hashing<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}
