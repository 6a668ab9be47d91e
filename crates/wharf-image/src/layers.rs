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

/// The largest layer, unpacked (semantics.md §3: an image has 15 GB at most), in bytes.
pub(crate) const PLAIN_MAX: u64 = 16 << 30;
/// What any layer may unpack to, however small it is packed, in bytes.
const PLAIN_FREE: u64 = 1 << 30;
/// How many times larger than it is packed a larger layer may be.
const RATIO_MAX: u64 = 256;
/// What may follow the end of a layer's archive, in bytes.
const TRAILER_MAX: u64 = 16 << 20;

/// Unpacks a layer of so many bytes and publishes it under its diff id (`sha256:…` of the plain tar
/// archive).
pub(crate) fn publish(
    (packed, size): (impl Read, u64),
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
    let unreadable = |source| ImageError::Unpack { what: what(), source };
    let plain = unpacked(packed).map_err(unreadable)?;
    let left = PLAIN_FREE.saturating_add(size.saturating_mul(RATIO_MAX)).min(PLAIN_MAX);
    let mut hashing = Hashing { inner: plain, hasher: Sha256::new(), left };
    unpack::unpack(&mut hashing, &root)?;
    // What follows the end of the archive counts for the digest.
    let mut rest = hashing.by_ref().take(TRAILER_MAX + 1);
    if io::copy(&mut rest, &mut io::sink()).map_err(unreadable)? > TRAILER_MAX {
        return Err(ImageError::corrupt(what(), "too much follows the end of its archive"));
    }
    let found = format!("sha256:{}", hex(&hashing.hasher.finalize()));
    if found != diff_id {
        return Err(ImageError::corrupt(what(), format!("its content has the digest {found}")));
    }
    rename_into(&root, &path(layers, diff_id))
}

/// Whether it is a digest as this store names files by.
pub(crate) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Where a layer is, or will be.
pub(crate) fn path(layers: &Utf8Path, diff_id: &str) -> Utf8PathBuf {
    layers.join(diff_id.trim_start_matches("sha256:"))
}

/// Another process of the same daemon may have been faster; its copy is as good.
fn rename_into(from: &Utf8Path, to: &Utf8Path) -> Result<(), ImageError> {
    match fs_err::rename(from, to) {
        Err(_) if to.is_dir() => Ok(()),
        Err(source) => Err(ImageError::file("publish", to)(source)),
        Ok(()) => Ok(()),
    }
}

struct Hashing<R> {
    inner: R,
    hasher: Sha256,
    left: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::other("it is too large unpacked"))?;
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
