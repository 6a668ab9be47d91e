//! What is in a share: files and directories, found whatever the case of their names.
//!
//! Containers write to the same directory, so nothing about it can be trusted: every name is opened
//! beneath its parent, by descriptor, and links, devices, pipes and sockets are never opened.

pub(crate) mod attributes;
pub(crate) mod changes;
pub(crate) mod content;
pub(crate) mod copy;
pub(crate) mod list;
pub(crate) mod node;

use std::{
    ffi::{OsStr, OsString},
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Dir, Mode, OFlags},
    io::Errno,
};

pub(crate) use self::node::{About, Kind, Node};
use crate::{
    beneath,
    error::{Code, FilesError},
};

const PATH_ONLY: OFlags = OFlags::PATH;
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);

/// The directory of one share.
#[derive(Debug)]
pub(crate) struct Tree {
    root: OwnedFd,
}

/// A name in a directory, with what it names.
#[derive(Debug)]
pub(crate) struct Place {
    /// The directory.
    pub(crate) parent: OwnedFd,
    /// The name as it is on the disk, or as it shall be.
    pub(crate) name: OsString,
    /// The name as it was asked for.
    pub(crate) asked: OsString,
    /// What is there.
    pub(crate) node: Option<Node>,
}

impl Tree {
    /// Opens the directory of a share.
    pub(crate) fn open(path: &Path) -> Result<Self, FilesError> {
        let root = rustix::fs::open(path, DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        match root {
            Ok(root) => Ok(Self { root }),
            Err(Errno::NOENT) => Err(Code::ShareNotFound.into()),
            Err(error) => Err(failed("open")(error)),
        }
    }

    /// The directory itself.
    pub(crate) fn root(&self) -> Result<Node, FilesError> {
        let again = beneath::open(&self.root, OsStr::new(""), DIRECTORY).map_err(failed("open"))?;
        Node::new(again).map_err(failed("read"))
    }

    /// Where a path leads; its parent has to be there.
    pub(crate) fn place(&self, path: &[OsString]) -> Result<Place, FilesError> {
        let Some((name, parents)) = path.split_last() else {
            return Err(Code::ResourceTypeMismatch.into());
        };
        let parent = self.directory(parents)?;
        let asked = name.clone();
        let (name, node) = match look(&parent, name)? {
            Some((name, node)) => (name, Some(node)),
            None => (asked.clone(), None),
        };
        Ok(Place { parent, name, asked, node })
    }

    /// The file at a path.
    pub(crate) fn file(&self, path: &[OsString]) -> Result<Place, FilesError> {
        let place = self.existing(path)?;
        match place.node.as_ref().map(|node| node.about.kind) {
            Some(Kind::File) => Ok(place),
            _ => Err(Code::ResourceNotFound.into()),
        }
    }

    /// The directory at a path; the share itself if that is empty.
    pub(crate) fn directory_node(&self, path: &[OsString]) -> Result<Node, FilesError> {
        if path.is_empty() {
            return self.root();
        }
        match self.existing(path)?.node {
            Some(node) if node.about.kind == Kind::Directory => Ok(node),
            _ => Err(Code::ResourceNotFound.into()),
        }
    }

    /// Where a path leads, if there is something to find.
    pub(crate) fn existing(&self, path: &[OsString]) -> Result<Place, FilesError> {
        let place = match self.place(path) {
            Err(error) if error.code() == Code::ParentNotFound && path.len() > 1 => {
                return Err(error);
            }
            other => other?,
        };
        if place.node.is_some() { Ok(place) } else { Err(Code::ResourceNotFound.into()) }
    }

    fn directory(&self, path: &[OsString]) -> Result<OwnedFd, FilesError> {
        let joined: PathBuf = path.iter().collect();
        match beneath::open(&self.root, joined.as_os_str(), DIRECTORY) {
            Ok(opened) => return Ok(opened),
            Err(Errno::NOENT) => {}
            Err(error) => return Err(no_parent(error)),
        }
        let mut directory =
            beneath::open(&self.root, OsStr::new(""), DIRECTORY).map_err(failed("open"))?;
        for name in path {
            let found = look(&directory, name)?.map(|(_, node)| node);
            directory = match found {
                Some(node) if node.about.kind == Kind::Directory => node.into(),
                _ => return Err(Code::ParentNotFound.into()),
            };
        }
        Ok(directory)
    }
}

/// Finds a name in a directory: as it is, or else in another case.
fn look(parent: &OwnedFd, name: &OsStr) -> Result<Option<(OsString, Node)>, FilesError> {
    match node(parent, name) {
        Ok(node) => return Ok(Some((name.to_owned(), node))),
        Err(Errno::NOENT) => {}
        Err(error) => return Err(no_parent(error)),
    }
    let Some(other) = in_another_case(parent, name).map_err(failed("list"))? else {
        return Ok(None);
    };
    match node(parent, &other) {
        Ok(node) => Ok(Some((other, node))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(no_parent(error)),
    }
}

fn node(parent: &OwnedFd, name: &OsStr) -> rustix::io::Result<Node> {
    Node::new(beneath::open(parent, name, PATH_ONLY)?)
}

fn in_another_case(parent: &OwnedFd, name: &OsStr) -> rustix::io::Result<Option<OsString>> {
    let wanted = fold(name.as_bytes());
    let listed = beneath::open(parent, OsStr::new(""), OFlags::RDONLY | OFlags::DIRECTORY)?;
    let mut found: Option<OsString> = None;
    for entry in Dir::new(listed)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        let better = found.as_ref().is_none_or(|found| name < found.as_bytes());
        // Most names are plain, and compared without being copied.
        let plain = name.is_ascii() && wanted.is_ascii();
        let alike = if plain { name.eq_ignore_ascii_case(&wanted) } else { fold(name) == wanted };
        if better && alike {
            found = Some(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(found)
}

/// A name without its case. Bytes that are no text have none.
pub(crate) fn fold(name: &[u8]) -> Vec<u8> {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    match std::str::from_utf8(name) {
        Ok(text) => text.to_lowercase().into_bytes(),
        Err(_) => name.to_vec(),
    }
}

/// What it means that a directory on the way cannot be entered.
fn no_parent(error: Errno) -> FilesError {
    match error {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV => Code::ParentNotFound.into(),
        Errno::NAMETOOLONG => Code::InvalidFileOrDirectoryPathName.into(),
        error => failed("open")(error),
    }
}

/// An error of the disk, unless it says something about the request.
pub(crate) fn failed<E: Into<io::Error>>(operation: &'static str) -> impl FnOnce(E) -> FilesError {
    move |error| {
        let error = error.into();
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::TXTBSY | Errno::BUSY | Errno::WOULDBLOCK) => Code::SharingViolation.into(),
            Some(Errno::NAMETOOLONG) => Code::InvalidFileOrDirectoryPathName.into(),
            _ => FilesError::file(operation, "a share")(error),
        }
    }
}
