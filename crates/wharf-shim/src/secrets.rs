//! Secret volumes: a small file system in memory for each container, never on a disk.
//!
//! The files come with the request to start and are written here, inside the container's mount
//! namespace, so that there is nothing on the host to find, to swap names of or to clear away. They
//! belong to the container's user and nobody can write them.

use std::{
    fs::File,
    io::Write as _,
    os::fd::{AsFd as _, OwnedFd},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use camino::Utf8Path;
use nix::{
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::stat::Mode,
    unistd::{Gid, Uid, fchown},
};
use wharf_model::spec::SecretFile;

use crate::{
    inside::{Kind, Root},
    sys::{self, Attributes},
};

const PAGE: usize = 4096;

/// Mounts the files of one volume, readable by one user.
pub(crate) fn mount(
    root: &Root,
    target: &Utf8Path,
    files: &[SecretFile],
    owner: (Uid, Gid),
) -> Result<(), Errno> {
    let attributes: Attributes =
        libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC;
    let pages = files.iter().map(|file| file.content.len().div_ceil(PAGE)).sum::<usize>();
    let (size, inodes) = (((pages + 1) * PAGE).to_string(), (files.len() + 2).to_string());
    let options = [
        ("mode", Some("0755")),
        ("size", Some(size.as_str())),
        ("nr_inodes", Some(inodes.as_str())),
    ];
    let tree = sys::new_mount("tmpfs", &options, attributes)?;
    for file in files {
        write(&tree, file, owner)?;
    }
    sys::add_attributes(tree.as_fd(), attributes | libc::MOUNT_ATTR_RDONLY)?;
    let target = root.ensure(target, Kind::Directory)?;
    sys::attach(tree.as_fd(), target.as_fd())
}

fn write(tree: &OwnedFd, file: &SecretFile, (uid, gid): (Uid, Gid)) -> Result<(), Errno> {
    let content = BASE64_STANDARD.decode(&file.content).map_err(|_| Errno::EILSEQ)?;
    let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
    let name = Utf8Path::new(&file.name).file_name().ok_or(Errno::EINVAL)?;
    let mut made = File::from(openat(tree, name, flags, Mode::S_IRUSR)?);
    made.write_all(&content).map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO)))?;
    fchown(&made, Some(uid), Some(gid))
}
