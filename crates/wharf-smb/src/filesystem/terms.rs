//! The words of FUSE and those of the tree, one put into the other.

use std::{
    ffi::OsStr,
    time::{Duration, SystemTime},
};

use fuser::{
    FileAttr, FileType, Generation, INodeNo, OpenAccMode, ReplyEmpty, ReplyEntry, TimeOrNow,
};
use nix::libc;

use crate::{
    calls::{Access, Attributes},
    errors::Errno,
};

/// How long the kernel may take what it was told for true, as its own SMB client does.
pub(super) const FRESH: Duration = Duration::from_secs(1);
pub(super) const BLOCK: u32 = 4096;
pub(super) const GENERATION: Generation = Generation(0);

pub(super) fn error(errno: Errno) -> fuser::Errno {
    fuser::Errno::from_i32(errno)
}

pub(super) fn text(name: &OsStr) -> Result<String, Errno> {
    name.to_str().map(ToOwned::to_owned).ok_or(libc::EILSEQ)
}

/// Everything belongs to root and everybody may do anything, as on shares that Azure mounts.
pub(super) fn attr(number: u64, known: &Attributes) -> FileAttr {
    let is_closed = known.is_read_only && !known.is_directory;
    FileAttr {
        ino: INodeNo(number),
        size: known.size,
        blocks: known.allocated.div_ceil(512),
        atime: known.accessed,
        mtime: known.modified,
        ctime: known.changed,
        crtime: SystemTime::UNIX_EPOCH,
        kind: kind(known),
        perm: if is_closed { 0o555 } else { 0o777 },
        nlink: if known.is_directory { 2 } else { 1 },
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: BLOCK,
        flags: 0,
    }
}

pub(super) fn kind(known: &Attributes) -> FileType {
    if known.is_directory { FileType::Directory } else { FileType::RegularFile }
}

pub(super) fn access(mode: OpenAccMode) -> Access {
    Access {
        reads: !matches!(mode, OpenAccMode::O_WRONLY),
        writes: !matches!(mode, OpenAccMode::O_RDONLY),
    }
}

#[expect(clippy::disallowed_methods, reason = "the kernel means the host's own clock")]
pub(super) fn moment(time: Option<TimeOrNow>) -> Option<SystemTime> {
    time.map(|time| match time {
        TimeOrNow::SpecificTime(time) => time,
        TimeOrNow::Now => SystemTime::now(),
    })
}

pub(super) fn entry(reply: ReplyEntry, found: Result<(u64, Attributes), Errno>) {
    match found {
        Ok((number, known)) => reply.entry(&FRESH, &attr(number, &known), GENERATION),
        Err(errno) => reply.error(error(errno)),
    }
}

pub(super) fn empty(reply: ReplyEmpty, done: Result<(), Errno>) {
    match done {
        Ok(()) => reply.ok(),
        Err(errno) => reply.error(error(errno)),
    }
}

pub(super) fn skip(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
