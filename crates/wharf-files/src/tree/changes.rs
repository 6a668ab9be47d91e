//! Making, renaming and removing. What has been done is durable.

use std::{
    ffi::OsStr,
    fs::File,
    os::fd::{AsFd, OwnedFd},
};

use jiff::Timestamp;
use rustix::{
    fs::{
        AtFlags, CWD, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT, chmod, fsync,
        mkdirat, renameat_with, unlinkat, utimensat,
    },
    io::Errno,
};

use super::{About, Kind, Node, Place, attributes::Attributes, failed};
use crate::{
    beneath,
    error::{Code, FilesError},
};

/// Everybody may do everything, as with a share of Azure that is mounted.
const MODE: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);
/// Characters that no name may have that a client chooses.
const FORBIDDEN: &[char] = &['"', '\\', '/', ':', '|', '<', '>', '*', '?'];

/// Refuses names that Azure does not allow. Those that containers made are none the worse.
pub(crate) fn check_new_name(name: &OsStr) -> Result<(), FilesError> {
    let good = |name: &str| !name.chars().any(|c| c.is_control() || FORBIDDEN.contains(&c));
    if name.to_str().is_some_and(good) { Ok(()) } else { Err(Code::InvalidResourceName.into()) }
}

impl Place {
    /// Makes a file of zeros, or empties the one that is there.
    pub(crate) fn make_file(self, size: u64, attributes: &Attributes) -> Result<Node, FilesError> {
        self.node.as_ref().map_or(Ok(()), refuse_read_only)?;
        self.make_any_file(size, attributes)
    }

    /// The same, even if the file is read-only.
    pub(crate) fn make_any_file(
        self,
        size: u64,
        attributes: &Attributes,
    ) -> Result<Node, FilesError> {
        let made = self.node.is_none();
        let (node, file) = match self.node {
            Some(node) if node.about.kind == Kind::File => {
                let file = node.open(OFlags::RDWR).map_err(failed("open"))?;
                file.set_len(0).map_err(failed("write"))?;
                (node, file)
            }
            Some(_) => return Err(Code::ResourceTypeMismatch.into()),
            None => {
                check_new_name(&self.name)?;
                new_file(&self.parent, &self.name)?
            }
        };
        let finish = || {
            file.set_len(size).map_err(failed("write"))?;
            attributes.write(&node)?;
            file.sync_all().map_err(failed("write"))
        };
        let finished = finish();
        if made {
            if finished.is_err() {
                // What was made for nothing is taken away as well as that can be done.
                unlinkat(&self.parent, &self.name, AtFlags::empty()).ok();
            }
            sync(&self.parent)?;
        }
        finished?;
        node.refreshed().map_err(failed("read"))
    }

    /// Makes a directory.
    pub(crate) fn make_directory(self, attributes: &Attributes) -> Result<Node, FilesError> {
        match self.node.map(|node| node.about.kind) {
            Some(Kind::Directory) => return Err(Code::ResourceAlreadyExists.into()),
            Some(_) => return Err(Code::ResourceTypeMismatch.into()),
            None => check_new_name(&self.name)?,
        }
        match mkdirat(&self.parent, &self.name, MODE) {
            Err(Errno::EXIST) => return Err(Code::ResourceAlreadyExists.into()),
            other => other.map_err(failed("make"))?,
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let opened = beneath::open(&self.parent, &self.name, flags).map_err(failed("open"))?;
        let node = Node::new(opened).map_err(failed("read"))?;
        chmod(node.path(), MODE).map_err(failed("make"))?;
        if let Err(error) = attributes.write(&node) {
            unlinkat(&self.parent, &self.name, AtFlags::REMOVEDIR).ok();
            return Err(error);
        }
        sync(&node)?;
        sync(&self.parent)?;
        node.refreshed().map_err(failed("read"))
    }

    /// Removes a file.
    pub(crate) fn remove_file(self) -> Result<(), FilesError> {
        self.node.as_ref().map_or(Ok(()), refuse_read_only)?;
        match unlinkat(&self.parent, &self.name, AtFlags::empty()) {
            Err(Errno::NOENT) => return Err(Code::ResourceNotFound.into()),
            other => other.map_err(failed("remove"))?,
        }
        sync(&self.parent)
    }

    /// Removes a directory with nothing in it.
    pub(crate) fn remove_directory(self) -> Result<(), FilesError> {
        match unlinkat(&self.parent, &self.name, AtFlags::REMOVEDIR) {
            Err(Errno::NOENT) => return Err(Code::ResourceNotFound.into()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => return Err(Code::DirectoryNotEmpty.into()),
            other => other.map_err(failed("remove"))?,
        }
        sync(&self.parent)
    }

    /// Gives what is here the name `to`; a file of that name goes if `replace` says so.
    pub(crate) fn rename(self, to: &Self, replace: Replace) -> Result<Node, FilesError> {
        // The same name in another case.
        let same = to.node.is_some() && self.name == to.name && is_same(&self.parent, &to.parent)?;
        let node = self.node.ok_or(Code::ResourceNotFound)?;
        let mut flags = RenameFlags::empty();
        match &to.node {
            None => {
                check_new_name(&to.name)?;
                flags = RenameFlags::NOREPLACE;
            }
            Some(_) if same => check_new_name(&to.asked)?,
            Some(_) if replace == Replace::No => return Err(Code::ResourceAlreadyExists.into()),
            Some(there) if there.about.kind != Kind::File => {
                return Err(Code::ResourceTypeMismatch.into());
            }
            Some(there) => {
                if replace == Replace::Writable {
                    refuse_read_only(there)?;
                }
                // A directory takes the place of a file by way of the file's going to its own.
                let swap =
                    node.about.kind == Kind::Directory || there.about.inode == node.about.inode;
                flags = if swap { RenameFlags::EXCHANGE } else { flags };
            }
        }
        let name = if same { &to.asked } else { &to.name };
        match renameat_with(&self.parent, &self.name, &to.parent, name, flags) {
            Err(Errno::EXIST) => return Err(Code::ResourceAlreadyExists.into()),
            Err(Errno::NOENT) => return Err(Code::ResourceNotFound.into()),
            Err(Errno::INVAL) => return Err(Code::InvalidInput.into()),
            other => other.map_err(failed("rename"))?,
        }
        if flags == RenameFlags::EXCHANGE {
            unlinkat(&self.parent, &self.name, AtFlags::empty()).map_err(failed("rename"))?;
        }
        sync(&to.parent)?;
        sync(&self.parent)?;
        node.refreshed().map_err(failed("read"))
    }
}

/// What may become of a file whose name another takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replace {
    /// It stays.
    No,
    /// It goes, unless it is read-only.
    Writable,
    /// It goes.
    Any,
}

fn is_same(one: &OwnedFd, other: &OwnedFd) -> Result<bool, FilesError> {
    let about = |directory| About::of(directory).map_err(failed("read"));
    Ok(about(one)?.inode == about(other)?.inode)
}

/// Makes a file for everybody; nothing of its name may be there.
pub(super) fn new_file(parent: impl AsFd, name: &OsStr) -> Result<(Node, File), FilesError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
    let opened = match beneath::open_with(parent, name, flags, MODE) {
        Err(Errno::EXIST) => return Err(Code::SharingViolation.into()),
        other => other.map_err(failed("make"))?,
    };
    let file = File::from(opened.try_clone().map_err(failed("make"))?);
    let node = Node::new(opened).map_err(failed("read"))?;
    chmod(node.path(), MODE).map_err(failed("make"))?;
    Ok((node, file))
}

/// Refuses to change what is marked as read-only.
pub(crate) fn refuse_read_only(node: &Node) -> Result<(), FilesError> {
    if Attributes::read(node).is_read_only() { Err(Code::ReadOnlyAttribute.into()) } else { Ok(()) }
}

/// Sets the time of the last write.
pub(crate) fn set_written(node: &Node, written: Timestamp) -> Result<(), FilesError> {
    let keep = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let last_modification = Timespec {
        tv_sec: written.as_second(),
        tv_nsec: written.subsec_nanosecond().max(0).into(),
    };
    let times = Timestamps { last_access: keep, last_modification };
    utimensat(CWD, node.path(), &times, AtFlags::empty()).map_err(failed("write"))
}

/// Makes names in a directory, or properties of a node, durable.
pub(crate) fn sync(node: &impl AsFd) -> Result<(), FilesError> {
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&node.as_fd()));
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty()).map_err(failed("open"))?;
    fsync(opened).map_err(failed("write"))
}
