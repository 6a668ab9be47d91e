//! Opening what is below a directory that containers write to, and nothing else.
//!
//! The kernel resolves the path: no `..` out of the directory, no symbolic link, no other file
//! system. What is opened is never waited for, and is not a terminal or a device by accident.

use std::{ffi::OsStr, os::fd::AsFd, os::fd::OwnedFd};

use rustix::{
    fs::{Mode, OFlags, ResolveFlags, openat2},
    io::{Errno, Result},
};

const RESOLVE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);
/// The kernel gives up when something is renamed while it resolves.
const TRIES: usize = 64;

/// Opens `path`, or the directory itself if `path` is empty.
pub(crate) fn open(directory: impl AsFd, path: &OsStr, flags: OFlags) -> Result<OwnedFd> {
    open_with(directory, path, flags, Mode::empty())
}

/// Opens or makes `path` with these permissions.
pub(crate) fn open_with(
    directory: impl AsFd,
    path: &OsStr,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd> {
    let path = if path.is_empty() { OsStr::new(".") } else { path };
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let careful = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = if flags.contains(OFlags::PATH) { flags } else { flags | careful };
    let mut opened = Err(Errno::AGAIN);
    for _ in 0..TRIES {
        opened = openat2(directory.as_fd(), path, flags, mode, RESOLVE);
        if !matches!(opened, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    opened
}
