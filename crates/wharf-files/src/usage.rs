//! What the files of a share occupy.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
    rc::Rc,
};

use jiff::{SignedDuration, Timestamp};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, statat};

use crate::{beneath, error::FilesError};

/// How long a measurement holds, at least; after that a walk may take a tenth of the time.
const HOLDS: SignedDuration = SignedDuration::from_secs(2);

/// Remembered measurements, so that a write does not walk the whole share.
#[derive(Debug, Default)]
pub(crate) struct Measured(HashMap<PathBuf, Measurement>);

#[derive(Clone, Copy, Debug)]
struct Measurement {
    bytes: u64,
    until: Timestamp,
}

impl Measured {
    /// What is known about `tree`, if that is fresh enough.
    pub(crate) fn get(&self, tree: &Path, now: Timestamp) -> Option<u64> {
        self.0.get(tree).filter(|known| now < known.until).map(|known| known.bytes)
    }

    /// Remembers a walk that began and ended at these times.
    pub(crate) fn put(&mut self, tree: &Path, bytes: u64, began: Timestamp, ended: Timestamp) {
        let holds = (ended.duration_since(began) * 10).max(HOLDS);
        let until = ended.checked_add(holds).unwrap_or(ended);
        self.0.insert(tree.to_owned(), Measurement { bytes, until });
    }

    /// Counts what a request has written since the walk.
    pub(crate) fn add(&mut self, tree: &Path, bytes: u64) {
        if let Some(known) = self.0.get_mut(tree) {
            known.bytes = known.bytes.saturating_add(bytes);
        }
    }

    /// Forgets a share.
    pub(crate) fn forget(&mut self, tree: &Path) {
        self.0.retain(|known, _| !known.starts_with(tree));
    }
}

/// A path is resolved from here on when it has become this long.
const PATH_PART: usize = 2048;

/// A directory that is still to be read.
struct Waiting {
    base: Rc<OwnedFd>,
    path: PathBuf,
}

/// Bytes on the disk below `tree`; hard links count once, links are not followed. Files that go away
/// meanwhile do not count.
pub(crate) fn walk(tree: &Path) -> Result<u64, FilesError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let top = rustix::fs::open(tree, flags, Mode::empty());
    let base = Rc::new(top.map_err(io::Error::from).map_err(FilesError::file("open", tree))?);
    let (mut linked, mut bytes) = (HashSet::new(), 0_u64);
    let mut waiting = vec![Waiting { base, path: PathBuf::new() }];
    while let Some(next) = waiting.pop() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let opened = beneath::open(&next.base, next.path.as_os_str(), flags);
        let Some(opened) = opened.ok().map(Rc::new) else { continue };
        let Ok(entries) = Dir::read_from(&opened) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let about = statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT);
            let Ok(about) = about else { continue };
            if FileType::from_raw_mode(about.st_mode) != FileType::Directory {
                if about.st_nlink == 1 || linked.insert(about.st_ino) {
                    let blocks = u64::try_from(about.st_blocks).unwrap_or(0);
                    bytes = bytes.saturating_add(blocks.saturating_mul(512));
                }
            } else if !matches!(name.to_bytes(), b"." | b"..") {
                waiting.push(next.below(&opened, OsStr::from_bytes(name.to_bytes())));
            }
        }
    }
    Ok(bytes)
}

impl Waiting {
    /// An entry of this directory, which has been opened.
    fn below(&self, opened: &Rc<OwnedFd>, name: &OsStr) -> Self {
        if self.path.as_os_str().len() > PATH_PART {
            return Self { base: Rc::clone(opened), path: name.into() };
        }
        Self { base: Rc::clone(&self.base), path: self.path.join(name) }
    }
}
