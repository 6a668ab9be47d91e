//! One file or directory, held by descriptor.

use std::{
    ffi::OsStr,
    fs::File,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
};

use jiff::Timestamp;
use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, Statx, StatxFlags, StatxTimestamp, statx},
    io::Result,
};

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    /// A link, a device, a pipe, a socket: nothing that is ever opened.
    Other,
}

/// What the file system knows about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) kind: Kind,
    pub(crate) size: u64,
    pub(crate) inode: u64,
    pub(crate) created: Timestamp,
    pub(crate) written: Timestamp,
    pub(crate) accessed: Timestamp,
    pub(crate) changed: Timestamp,
}

impl About {
    pub(crate) fn of(descriptor: impl AsFd) -> Result<Self> {
        Self::named(descriptor, OsStr::new(""))
    }

    /// About a name in a directory, without opening it.
    pub(crate) fn named(directory: impl AsFd, name: &OsStr) -> Result<Self> {
        let flags = AtFlags::EMPTY_PATH | AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let found = statx(directory, name, flags, StatxFlags::BASIC_STATS | StatxFlags::BTIME)?;
        Ok(Self::from(found))
    }

    /// Another one after each change, whoever made it.
    pub(crate) fn etag(&self) -> String {
        let changed = self.changed.as_nanosecond().max(self.written.as_nanosecond());
        format!("\"0x{changed:X}{:X}{:X}\"", self.inode, self.size)
    }
}

impl From<Statx> for About {
    fn from(found: Statx) -> Self {
        let kind = match FileType::from_raw_mode(found.stx_mode.into()) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            _ => Kind::Other,
        };
        let born = StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::BTIME);
        let (written, changed) = (time(found.stx_mtime), time(found.stx_ctime));
        Self {
            kind,
            size: found.stx_size,
            inode: found.stx_ino,
            created: if born { time(found.stx_btime) } else { written.min(changed) },
            written,
            accessed: time(found.stx_atime),
            changed,
        }
    }
}

fn time(time: StatxTimestamp) -> Timestamp {
    let nanoseconds = i32::try_from(time.tv_nsec).unwrap_or(0);
    Timestamp::new(time.tv_sec, nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Something that is there.
#[derive(Debug)]
pub(crate) struct Node {
    descriptor: OwnedFd,
    pub(crate) about: About,
}

impl Node {
    pub(crate) fn new(descriptor: OwnedFd) -> Result<Self> {
        let about = About::of(&descriptor)?;
        Ok(Self { descriptor, about })
    }

    /// Opens a file or a directory to be read or written. Never waits.
    pub(crate) fn open(&self, flags: OFlags) -> Result<File> {
        if self.about.kind == Kind::Other {
            return Err(rustix::io::Errno::NXIO);
        }
        let flags = flags | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        rustix::fs::open(self.path(), flags, Mode::empty()).map(File::from)
    }

    /// A name that leads to this very node.
    pub(crate) fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.descriptor.as_raw_fd())
    }

    /// What is known now.
    pub(crate) fn refreshed(mut self) -> Result<Self> {
        self.about = About::of(&self.descriptor)?;
        Ok(self)
    }
}

impl AsFd for Node {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl From<Node> for OwnedFd {
    fn from(node: Node) -> Self {
        node.descriptor
    }
}
