//! Unpacking a layer archive without ever leaving its directory.
//!
//! Every name in the archive is hostile. Parents are opened with `openat2(RESOLVE_IN_ROOT)`, which
//! resolves `..` and symbolic links as if the directory were `/`; the last component is only ever
//! created, linked or removed relative to that handle and never followed. OCI whiteouts (image-spec
//! `layer.md`) become what overlayfs understands: a 0/0 character device, `trusted.overlay.opaque`.

mod place;

use std::{
    cell::Cell,
    ffi::OsStr,
    io::{self, Read, Write as _},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Component, Path, PathBuf},
    rc::Rc,
};

use camino::Utf8Path;
use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat2},
    sys::stat::{Mode, SFlag, makedev, mkdirat, mknod},
    unistd::{linkat, symlinkat},
};
use tar::{Entry, EntryType};

use self::place::{Place, adorn_file, make_node, mtime, set_mtime};
use crate::{ImageError, layers::PLAIN_MAX};

/// What the headers of one entry may take, in bytes: long names and attributes are read to memory.
const HEADERS_MAX: u64 = 4 << 20;
/// Entries of one layer.
const ENTRIES_MAX: usize = 4_000_000;
/// Bytes of a file that are copied at once.
const BUFFER: usize = 128 << 10;
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Unpacks a plain tar archive into `root`, which is made.
pub(crate) fn unpack(archive: &mut dyn Read, root: &Utf8Path) -> Result<(), ImageError> {
    fs_err::create_dir(root).map_err(ImageError::file("make", root))?;
    let mut unpacker = Unpacker::open(root)?;
    let left = Cell::new(HEADERS_MAX);
    let mut archive = tar::Archive::new(Metered { inner: archive, left: &left });
    let unreadable = |source: io::Error| match source.raw_os_error() {
        None => ImageError::corrupt("layer archive", source.to_string()),
        Some(_) => ImageError::file("unpack into", root)(source),
    };
    let (mut bytes, mut count) = (0_u64, 0_usize);
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        (bytes, count) = (bytes.saturating_add(entry.size()), count + 1);
        if count > ENTRIES_MAX || bytes > PLAIN_MAX {
            return Err(ImageError::corrupt("layer archive", "it is too large"));
        }
        left.set(PLAIN_MAX);
        let path = entry.path_bytes().into_owned();
        unpacker.entry(&mut entry, Path::new(OsStr::from_bytes(&path))).map_err(|source| {
            match source.raw_os_error() {
                None => ImageError::corrupt(
                    format!("layer entry {}", String::from_utf8_lossy(&path)),
                    source.to_string(),
                ),
                Some(_) => ImageError::File {
                    operation: "unpack",
                    path: root.join(String::from_utf8_lossy(&path).trim_start_matches('/')),
                    source,
                },
            }
        })?;
        // What is left of this entry is skipped on the way to the next.
        left.set(HEADERS_MAX.saturating_add(entry.size()));
    }
    unpacker.finish().map_err(ImageError::file("unpack into", root))
}

/// Fails when more is read than is allowed at present.
struct Metered<'a> {
    inner: &'a mut dyn Read,
    left: &'a Cell<u64>,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.left.get().checked_sub(count as u64);
        self.left.set(left.ok_or_else(|| io::Error::other("a header is too large"))?);
        Ok(count)
    }
}

struct Unpacker {
    root: Rc<OwnedFd>,
    /// The parent used last: entries of one directory follow one another.
    parent: Option<(PathBuf, Rc<OwnedFd>)>,
    /// Times of directories, set at the end because filling a directory changes them.
    times: Vec<(PathBuf, i64)>,
    /// What files are copied with.
    buffer: Vec<u8>,
}

impl Unpacker {
    fn open(root: &Utf8Path) -> Result<Self, ImageError> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = nix::fcntl::open(root.as_std_path(), flags, Mode::empty())
            .map_err(io::Error::from)
            .map_err(ImageError::file("open", root))?;
        let root = Rc::new(root);
        Ok(Self { root, parent: None, times: Vec::new(), buffer: vec![0; BUFFER] })
    }

    fn entry<R: Read>(&mut self, entry: &mut Entry<'_, R>, path: &Path) -> io::Result<()> {
        let Some((parent, name)) = split(path)? else { return self.root_entry(entry) };
        if name.len() > 255 {
            return Err(io::Error::other("a name is longer than 255 bytes"));
        }
        let place = self.place(&parent, name)?;
        if name.as_bytes() == OPAQUE {
            return xattr::set_deref(place.directory(), "trusted.overlay.opaque", b"y");
        }
        if let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT) {
            // What AUFS kept for itself.
            if hidden.starts_with(WHITEOUT) {
                return Ok(());
            }
            if matches!(hidden, b"" | b"." | b"..") {
                return Err(io::Error::other("a whiteout of something without a name"));
            }
            let hidden = self.place(&parent, OsStr::from_bytes(hidden))?;
            hidden.remove()?;
            return mknod(&hidden.path(), SFlag::S_IFCHR, Mode::empty(), makedev(0, 0))
                .map_err(io::Error::from);
        }
        self.create(entry, &place)?;
        match entry.header().entry_type() {
            // The file has what belongs to it already.
            EntryType::Link
            | EntryType::Regular
            | EntryType::Continuous
            | EntryType::GNUSparse
            | EntryType::XGlobalHeader => return Ok(()),
            _ => {}
        }
        place.adorn(entry)?;
        if entry.header().entry_type() == EntryType::Directory {
            self.times.push((parent.join(name), mtime(entry)));
        }
        Ok(())
    }

    /// The archive may say something about its own top directory.
    fn root_entry<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> io::Result<()> {
        if entry.header().entry_type() != EntryType::Directory {
            return Err(io::Error::other("the top of the archive is not a directory"));
        }
        Place { parent: Rc::clone(&self.root), name: OsStr::new(".") }.adorn(entry)
    }

    fn create<R: Read>(&mut self, entry: &mut Entry<'_, R>, place: &Place<'_>) -> io::Result<()> {
        // Nearly always there is nothing, and whatever creates something says so.
        match self.try_create(entry, place) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other,
        }
        let is_directory = entry.header().entry_type() == EntryType::Directory;
        if place.make_way(is_directory)? {
            return Ok(());
        }
        self.try_create(entry, place)
    }

    fn try_create<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
        place: &Place<'_>,
    ) -> io::Result<()> {
        let kind = entry.header().entry_type();
        match kind {
            EntryType::Directory => {
                mkdirat(&place.parent, place.name, Mode::from_bits_truncate(0o755))
                    .map_err(io::Error::from)
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let mut file = place.create_file()?;
                loop {
                    let count = entry.read(&mut self.buffer)?;
                    if count == 0 {
                        return adorn_file(entry, &file);
                    }
                    file.write_all(&self.buffer[..count])?;
                }
            }
            EntryType::Symlink => {
                let target = link_name(entry)?;
                symlinkat(target.as_path(), &place.parent, place.name).map_err(io::Error::from)
            }
            EntryType::Link => {
                let target = link_name(entry)?;
                let Some((parent, name)) = split(&target)? else {
                    return Err(io::Error::other("a hard link to the top directory"));
                };
                let parent = self.open_dir(&parent)?;
                // No AT_SYMLINK_FOLLOW: a symbolic link is linked itself, not what it points at.
                linkat(&parent, name, &place.parent, place.name, AtFlags::empty())
                    .map_err(io::Error::from)
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                make_node(entry, kind, &place.path())
            }
            EntryType::XGlobalHeader => Ok(()),
            _ => Err(io::Error::other("an entry of an unknown type")),
        }
    }

    fn place<'a>(&mut self, parent: &Path, name: &'a OsStr) -> io::Result<Place<'a>> {
        let known = self.parent.as_ref().filter(|(known, _)| known == parent);
        let parent = if let Some((_, fd)) = known {
            Rc::clone(fd)
        } else {
            let fd = Rc::new(self.open_or_make_dir(parent)?);
            self.parent = Some((parent.to_owned(), Rc::clone(&fd)));
            fd
        };
        Ok(Place { parent, name })
    }

    fn open_dir(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        openat2(&self.root, path, how)
    }

    /// Archives need not list the parents of what they hold.
    fn open_or_make_dir(&self, path: &Path) -> io::Result<OwnedFd> {
        match self.open_dir(path) {
            Err(Errno::ENOENT) => {}
            other => return other.map_err(io::Error::from),
        }
        let parent = path.parent().unwrap_or_else(|| Path::new(""));
        let parent = self.open_or_make_dir(parent)?;
        if let Some(name) = path.file_name() {
            match mkdirat(&parent, name, Mode::from_bits_truncate(0o755)) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.open_dir(path).map_err(io::Error::from)
    }

    fn finish(&self) -> io::Result<()> {
        for (path, seconds) in self.times.iter().rev() {
            // A later entry may have replaced the directory by something else.
            let Ok(directory) = self.open_dir(path) else { continue };
            let path = PathBuf::from(format!("/proc/self/fd/{}/.", directory.as_raw_fd()));
            set_mtime(&path, *seconds)?;
        }
        Ok(())
    }
}

/// Parent and last component, lexically cleaned; `None` for the top itself.
fn split(path: &Path) -> io::Result<Option<(PathBuf, &OsStr)>> {
    let mut parent = PathBuf::new();
    let mut last = None;
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                if let Some(before) = last.replace(name) {
                    parent.push(before);
                }
            }
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir => return Err(io::Error::other("its path contains '..'")),
            Component::Prefix(_) => return Err(io::Error::other("its path has a prefix")),
        }
    }
    Ok(last.map(|name| (parent, name)))
}

fn link_name<R: Read>(entry: &Entry<'_, R>) -> io::Result<PathBuf> {
    let name = entry.link_name_bytes().ok_or_else(|| io::Error::other("a link to nothing"))?;
    Ok(PathBuf::from(OsStr::from_bytes(&name)))
}
