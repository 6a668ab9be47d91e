//! Unpacking a layer archive without ever leaving its directory.
//!
//! Every name in the archive is hostile. Parents are opened with `openat2(RESOLVE_IN_ROOT)`, which
//! resolves `..` and symbolic links as if the directory were `/`; the last component is only ever
//! created, linked or removed relative to that handle and never followed. OCI whiteouts (image-spec
//! `layer.md`) become what overlayfs understands: a 0/0 character device, `trusted.overlay.opaque`.

use std::{
    cell::Cell,
    ffi::OsStr,
    io::{self, Read, Write as _},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Component, Path, PathBuf},
};

use camino::Utf8Path;
use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat2},
    sys::{
        stat::{Mode, SFlag, UtimensatFlags, futimens, makedev, mkdirat, mknod, utimensat},
        time::TimeSpec,
    },
    unistd::{Gid, Uid, fchown, fchownat, linkat, symlinkat},
};
use tar::{Entry, EntryType};
use xattr::FileExt as _;

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
    root: OwnedFd,
    /// The parent used last: entries of one directory follow one another.
    parent: Option<(PathBuf, OwnedFd)>,
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
        Ok(Self { root, parent: None, times: Vec::new(), buffer: vec![0; BUFFER] })
    }

    fn entry<R: Read>(&mut self, entry: &mut Entry<'_, R>, path: &Path) -> io::Result<()> {
        let Some((parent, name)) = split(path)? else { return self.root_entry(entry) };
        if name.len() > 255 {
            return Err(io::Error::other("a name is longer than 255 bytes"));
        }
        let place = self.place(&parent, name)?;
        if name.as_bytes() == OPAQUE {
            let directory = format!("/proc/self/fd/{}", place.parent);
            return xattr::set_deref(directory, "trusted.overlay.opaque", b"y");
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
            return mknod(hidden.path.as_path(), SFlag::S_IFCHR, Mode::empty(), makedev(0, 0))
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
        let path = PathBuf::from(format!("/proc/self/fd/{}/.", self.root.as_raw_fd()));
        Place { parent: self.root.as_raw_fd(), path }.adorn(entry)
    }

    fn create<R: Read>(&mut self, entry: &mut Entry<'_, R>, place: &Place) -> io::Result<()> {
        let kind = entry.header().entry_type();
        let is_directory = kind == EntryType::Directory;
        place.make_way(is_directory)?;
        match kind {
            EntryType::Directory => match fs_err::create_dir(&place.path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            },
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let mut options = fs_err::OpenOptions::new();
                let mut file = options.write(true).create_new(true).open(&place.path)?;
                loop {
                    let count = entry.read(&mut self.buffer)?;
                    if count == 0 {
                        return adorn_file(entry, file.file());
                    }
                    file.write_all(&self.buffer[..count])?;
                }
            }
            EntryType::Symlink => {
                let target = link_name(entry)?;
                symlinkat(target.as_path(), nix::fcntl::AT_FDCWD, place.path.as_path())
                    .map_err(io::Error::from)
            }
            EntryType::Link => {
                let target = link_name(entry)?;
                let Some((parent, name)) = split(&target)? else {
                    return Err(io::Error::other("a hard link to the top directory"));
                };
                let parent = self.open_dir(&parent)?;
                let target = PathBuf::from(format!("/proc/self/fd/{}", parent.as_raw_fd()));
                let cwd = nix::fcntl::AT_FDCWD;
                // No AT_SYMLINK_FOLLOW: a symbolic link is linked itself, not what it points at.
                linkat(cwd, &target.join(name), cwd, place.path.as_path(), AtFlags::empty())
                    .map_err(io::Error::from)
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                make_node(entry, kind, &place.path)
            }
            EntryType::XGlobalHeader => Ok(()),
            _ => Err(io::Error::other("an entry of an unknown type")),
        }
    }

    fn place(&mut self, parent: &Path, name: &OsStr) -> io::Result<Place> {
        if self.parent.as_ref().is_none_or(|(known, _)| known != parent) {
            let fd = self.open_or_make_dir(parent)?;
            self.parent = Some((parent.to_owned(), fd));
        }
        let fd =
            self.parent.as_ref().map_or_else(|| self.root.as_raw_fd(), |(_, fd)| fd.as_raw_fd());
        Ok(Place { parent: fd, path: PathBuf::from(format!("/proc/self/fd/{fd}")).join(name) })
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

/// What [`Place::adorn`] does, to a file that is open.
fn adorn_file<R: Read>(entry: &mut Entry<'_, R>, file: &std::fs::File) -> io::Result<()> {
    let header = entry.header();
    let (uid, gid, mode) = (id(header.uid()?)?, id(header.gid()?)?, header.mode()?);
    let time = TimeSpec::new(mtime(entry), 0);
    fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    set_xattrs(entry, |name, value| file.set_xattr(name, value))?;
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode & 0o7777))?;
    futimens(file, &time, &time).map_err(io::Error::from)
}

/// A name in an open directory, reachable through `/proc/self/fd` without resolving anything again.
struct Place {
    parent: i32,
    path: PathBuf,
}

impl Place {
    /// Removes what is there unless a directory stays a directory.
    fn make_way(&self, is_directory: bool) -> io::Result<()> {
        match self.path.symlink_metadata() {
            Ok(found) if found.is_dir() && is_directory => Ok(()),
            Ok(_) => self.remove(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn remove(&self) -> io::Result<()> {
        let removed = match self.path.symlink_metadata() {
            Ok(found) if found.is_dir() => fs_err::remove_dir_all(&self.path),
            Ok(_) => fs_err::remove_file(&self.path),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Owner, extended attributes, mode and time, in this order: changing the owner clears set-id
    /// bits and capabilities.
    fn adorn<R: Read>(&self, entry: &mut Entry<'_, R>) -> io::Result<()> {
        let header = entry.header();
        let (uid, gid) = (id(header.uid()?)?, id(header.gid()?)?);
        let (mode, is_symlink) = (header.mode()?, header.entry_type() == EntryType::Symlink);
        let seconds = mtime(entry);
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        let cwd = nix::fcntl::AT_FDCWD;
        fchownat(cwd, self.path.as_path(), uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        set_xattrs(entry, |name, value| xattr::set(&self.path, name, value))?;
        if !is_symlink {
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode & 0o7777);
            fs_err::set_permissions(&self.path, permissions)?;
        }
        set_mtime(&self.path, seconds)
    }
}

/// Gives a file the extended attributes that the archive has for it.
fn set_xattrs<R: Read>(
    entry: &mut Entry<'_, R>,
    set: impl Fn(&OsStr, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let Some(extensions) = entry.pax_extensions()? else { return Ok(()) };
    for extension in extensions {
        let extension = extension?;
        let Some(name) = extension.key_bytes().strip_prefix(b"SCHILY.xattr.") else { continue };
        // Overlay attributes in an image would reach into other layers.
        if name.starts_with(b"trusted.") {
            continue;
        }
        match set(OsStr::from_bytes(name), extension.value_bytes()) {
            // Labels of a security module that this host does not have.
            Err(error) if error.raw_os_error() == Some(Errno::EOPNOTSUPP as i32) => {}
            other => other?,
        }
    }
    Ok(())
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

fn make_node<R: Read>(entry: &Entry<'_, R>, kind: EntryType, path: &Path) -> io::Result<()> {
    let header = entry.header();
    let number = || -> io::Result<u64> {
        let major = header.device_major()?.unwrap_or(0);
        let minor = header.device_minor()?.unwrap_or(0);
        if major == 0 && minor == 0 {
            return Err(io::Error::other("a device with the number of a whiteout"));
        }
        Ok(makedev(u64::from(major), u64::from(minor)))
    };
    let (kind, number) = match kind {
        EntryType::Char => (SFlag::S_IFCHR, number()?),
        EntryType::Block => (SFlag::S_IFBLK, number()?),
        _ => (SFlag::S_IFIFO, 0),
    };
    mknod(path, kind, Mode::from_bits_truncate(0o600), number).map_err(io::Error::from)
}

fn id(number: u64) -> io::Result<u32> {
    u32::try_from(number).map_err(|_| io::Error::other("an owner that is no 32-bit number"))
}

fn mtime<R: Read>(entry: &Entry<'_, R>) -> i64 {
    entry.header().mtime().ok().and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0)
}

fn set_mtime(path: &Path, seconds: i64) -> io::Result<()> {
    let time = TimeSpec::new(seconds, 0);
    let cwd = nix::fcntl::AT_FDCWD;
    utimensat(cwd, path, &time, &time, UtimensatFlags::NoFollowSymlink).map_err(io::Error::from)
}
