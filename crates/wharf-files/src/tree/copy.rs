//! Copying all that is in a share.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Dir, Mode, OFlags, fstatvfs, ioctl_ficlone, mkdirat, syncfs},
    io::Errno,
};

use super::{
    Kind, Node, Tree,
    attributes::{Attributes, Changed},
    changes::{new_file, set_written},
    content::copy_data,
    failed,
};
use crate::{
    beneath,
    error::{Code, FilesError},
    request::{DEPTH_MAX, PATH_MAX},
};

/// Which part of the disk stays free: one of so many.
const KEPT_FREE: u64 = 50;

/// Copies the files and directories that requests can reach into an empty directory, and makes the
/// copy durable. What containers do meanwhile is in it or not; what they removed is left out.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> Result<(), FilesError> {
    let (source, target) = (Tree::open(from)?.root, Tree::open(to)?.root);
    let mut waiting = vec![PathBuf::new()];
    while let Some(path) = waiting.pop() {
        let Some(directory) = reached(open_directory(&source, &path))? else { continue };
        let copied = open_directory(&target, &path).map_err(failed("open"))?;
        for name in names(&directory)? {
            let Some(node) = reached(open_node(&directory, &name))? else { continue };
            match node.about.kind {
                Kind::File => copy_file(&node, &copied, &name)?,
                Kind::Directory if is_reachable(&path, &name) => {
                    mkdirat(&copied, &name, Mode::RWXU).map_err(failed("make"))?;
                    waiting.push(path.join(&name));
                }
                Kind::Directory | Kind::Other => {}
            }
        }
        // What is put into its directories later does not change its own times.
        describe(&directory, &copied)?;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let all = beneath::open(&target, OsStr::new(""), flags).map_err(failed("open"))?;
    syncfs(all).map_err(failed("sync"))
}

fn open_directory(base: &OwnedFd, path: &Path) -> rustix::io::Result<Node> {
    Node::new(beneath::open(base, path.as_os_str(), OFlags::RDONLY | OFlags::DIRECTORY)?)
}

fn open_node(directory: &Node, name: &OsStr) -> rustix::io::Result<Node> {
    Node::new(beneath::open(directory, name, OFlags::PATH)?)
}

/// What was opened, unless it has gone or become something else.
fn reached<T>(opened: rustix::io::Result<T>) -> Result<Option<T>, FilesError> {
    match opened {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::STALE) => Ok(None),
        other => other.map(Some).map_err(failed("open")),
    }
}

fn names(directory: &Node) -> Result<Vec<OsString>, FilesError> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory).map_err(failed("list"))? {
        let entry = entry.map_err(failed("list"))?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    // One that changes meanwhile may tell a name twice.
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Whether a request's path can be as deep and as long as that of something in this directory.
fn is_reachable(path: &Path, name: &OsStr) -> bool {
    let length = path.as_os_str().len() + name.len() + 2;
    path.components().count() + 1 < DEPTH_MAX && length < PATH_MAX
}

/// Copies a file: where the file system can, by sharing its blocks.
fn copy_file(node: &Node, directory: &Node, name: &OsStr) -> Result<(), FilesError> {
    let source = node.open(OFlags::RDONLY).map_err(failed("open"))?;
    let (copied, file) = new_file(directory, name)?;
    if ioctl_ficlone(&file, &source).is_err() {
        check_room(&source, &file)?;
        file.set_len(node.about.size).map_err(failed("write"))?;
        copy_data(&source, node.about.size, &file)?;
    }
    describe(node, &copied)
}

/// Refuses a copy that would leave the host nearly without room.
fn check_room(source: &File, target: &File) -> Result<(), FilesError> {
    let wanted = source.metadata().map_err(failed("read"))?.blocks().saturating_mul(512);
    let disk = fstatvfs(target).map_err(failed("read"))?;
    let kept = disk.f_blocks / KEPT_FREE;
    if disk.f_bavail.saturating_sub(kept).saturating_mul(disk.f_frsize) >= wanted {
        return Ok(());
    }
    let message = "The disk that the shares are on has no room for the snapshot.";
    Err(FilesError::because(Code::ShareSizeLimitReached, message))
}

/// Gives a copy the properties and times of what it was copied from.
fn describe(node: &Node, copied: &Node) -> Result<(), FilesError> {
    let (plain, written) = (Attributes::read(node), node.about.written);
    let mut timed = plain.clone();
    timed.created.get_or_insert(node.about.created);
    timed.changed = Some(Changed { chosen: plain.changed(&node.about), written });
    // Metadata may leave no room for times; what a container wrote as properties, for itself neither.
    for attributes in [timed, plain] {
        match attributes.write(copied) {
            Err(error) if error.code() == Code::MetadataTooLarge => {}
            other => {
                other?;
                break;
            }
        }
    }
    set_written(copied, written)
}
