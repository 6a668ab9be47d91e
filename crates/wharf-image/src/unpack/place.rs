//! What becomes of one entry: a name in a directory that is open, and what belongs to it.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Path, PathBuf},
    rc::Rc,
};

use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, openat},
    sys::{
        stat::{Mode, SFlag, UtimensatFlags, futimens, makedev, mknod, utimensat},
        time::TimeSpec,
    },
    unistd::{Gid, Uid, fchown, fchownat},
};
use tar::{Entry, EntryType};
use xattr::FileExt as _;

/// What [`Place::adorn`] does, to a file that is open.
pub(super) fn adorn_file<R: Read>(entry: &mut Entry<'_, R>, file: &File) -> io::Result<()> {
    let header = entry.header();
    let (uid, gid, mode) = (id(header.uid()?)?, id(header.gid()?)?, header.mode()?);
    let time = TimeSpec::new(mtime(entry), 0);
    fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    set_xattrs(entry, |name, value| file.set_xattr(name, value))?;
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode & 0o7777))?;
    futimens(file, &time, &time).map_err(io::Error::from)
}

/// A name in an open directory.
pub(super) struct Place<'a> {
    pub(super) parent: Rc<OwnedFd>,
    pub(super) name: &'a OsStr,
}

impl Place<'_> {
    /// The directory, for calls that want a path.
    pub(super) fn directory(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.parent.as_raw_fd()))
    }

    /// The name in it, without resolving anything again. It costs more than a name and a descriptor.
    pub(super) fn path(&self) -> PathBuf {
        self.directory().join(self.name)
    }

    pub(super) fn create_file(&self) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let file = openat(&self.parent, self.name, flags, Mode::from_bits_truncate(0o600))?;
        Ok(File::from(file))
    }

    /// Removes what is there unless a directory stays a directory; returns whether it does.
    pub(super) fn make_way(&self, is_directory: bool) -> io::Result<bool> {
        let stays = is_directory && self.path().symlink_metadata()?.is_dir();
        if !stays {
            self.remove()?;
        }
        Ok(stays)
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        let path = self.path();
        let removed = match path.symlink_metadata() {
            Ok(found) if found.is_dir() => fs_err::remove_dir_all(&path),
            Ok(_) => fs_err::remove_file(&path),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Owner, extended attributes, mode and time, in this order: changing the owner clears set-id
    /// bits and capabilities.
    pub(super) fn adorn<R: Read>(&self, entry: &mut Entry<'_, R>) -> io::Result<()> {
        let header = entry.header();
        let (uid, gid) = (id(header.uid()?)?, id(header.gid()?)?);
        let (mode, is_symlink) = (header.mode()?, header.entry_type() == EntryType::Symlink);
        let seconds = mtime(entry);
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        fchownat(&self.parent, self.name, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        let path = self.path();
        set_xattrs(entry, |name, value| xattr::set(&path, name, value))?;
        if !is_symlink {
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode & 0o7777);
            fs_err::set_permissions(&path, permissions)?;
        }
        set_mtime(&path, seconds)
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

pub(super) fn make_node<R: Read>(
    entry: &Entry<'_, R>,
    kind: EntryType,
    path: &Path,
) -> io::Result<()> {
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

pub(super) fn mtime<R: Read>(entry: &Entry<'_, R>) -> i64 {
    entry.header().mtime().ok().and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0)
}

pub(super) fn set_mtime(path: &Path, seconds: i64) -> io::Result<()> {
    let time = TimeSpec::new(seconds, 0);
    let cwd = nix::fcntl::AT_FDCWD;
    utimensat(cwd, path, &time, &time, UtimensatFlags::NoFollowSymlink).map_err(io::Error::from)
}
