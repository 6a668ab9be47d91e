//! Reading a file of an image without mounting it: the layers are searched from the top as
//! overlayfs would, and no symbolic link leads out of a layer.

use std::{io, io::Read};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sys::stat::{Mode, SFlag, fstat},
};

use super::BundleError;

/// More of a file than this is not read, in bytes.
const SIZE_LIMIT: u64 = 4 << 20;

/// How often the kernel is asked to resolve a path before that counts as a failure.
const TRIES: u32 = 1_000;

/// What one layer says about a file.
enum Sight {
    Here(String),
    /// Removed, or hidden together with its directory: layers further down do not count.
    Hidden,
    /// Nothing: layers further down decide.
    Elsewhere,
}

/// The content of a file (relative path, such as `etc/passwd`); `None` if the image has none.
/// `layers` is uppermost first.
pub(super) fn read(
    layers: &[Utf8PathBuf],
    path: &'static str,
) -> Result<Option<String>, BundleError> {
    for layer in layers {
        let sight = look(layer, path);
        match sight.map_err(|source| BundleError::Layer { layer: layer.clone(), path, source })? {
            Sight::Here(content) => return Ok(Some(content)),
            Sight::Hidden => return Ok(None),
            Sight::Elsewhere => {}
        }
    }
    Ok(None)
}

fn look(layer: &Utf8Path, path: &str) -> io::Result<Sight> {
    let root = fs::File::open(layer)?;
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)
        .mode(Mode::empty())
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    // The kernel gives up going upwards when anything on the host is renamed or mounted
    // meanwhile: openat2(2) says to try again.
    let mut opened = openat2(&root, path, how);
    for _ in 0..TRIES {
        if !matches!(opened, Err(Errno::EAGAIN)) {
            break;
        }
        opened = openat2(&root, path, how);
    }
    let file = match opened {
        Ok(file) => file,
        Err(Errno::ENOENT) => return Ok(beyond(layer, path)),
        // A whiteout, or something else that is no directory, in place of a directory, or of
        // the file itself: opening a device 0:0 fails with ENXIO.
        Err(Errno::ENOTDIR | Errno::ENXIO | Errno::ENODEV | Errno::ELOOP) => {
            return Ok(Sight::Hidden);
        }
        Err(error) => return Err(error.into()),
    };
    let kind = SFlag::from_bits_truncate(fstat(&file)?.st_mode) & SFlag::S_IFMT;
    if kind != SFlag::S_IFREG {
        return Ok(Sight::Hidden);
    }
    let mut content = Vec::new();
    std::fs::File::from(file).take(SIZE_LIMIT).read_to_end(&mut content)?;
    Ok(Sight::Here(String::from_utf8_lossy(&content).into_owned()))
}

/// A directory marked opaque hides what lower layers have below it.
fn beyond(layer: &Utf8Path, path: &str) -> Sight {
    let is_opaque = Utf8Path::new(path).ancestors().skip(1).any(|directory| {
        !directory.as_str().is_empty()
            && ["trusted.overlay.opaque", "user.overlay.opaque"].iter().any(|name| {
                matches!(xattr::get(layer.join(directory), name), Ok(Some(value)) if value == b"y")
            })
    });
    if is_opaque { Sight::Hidden } else { Sight::Elsewhere }
}
