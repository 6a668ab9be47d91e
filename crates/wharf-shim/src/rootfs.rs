//! What a container sees of files: layers, kernel file systems, devices, binds, and what is hidden.
//!
//! Works in the container's own mount namespace. Every target is found inside the new root by
//! descriptor, and mounts are made detached and attached to such a descriptor: a path is never
//! looked up twice.

use std::{
    borrow::Cow,
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use nix::{
    errno::Errno,
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::stat::{Mode, SFlag, fstat, makedev, mknodat},
    unistd::{Gid, Uid, chdir, fchdir, pivot_root, symlinkat},
};
use oci_spec::runtime::{Mount, Spec};

use crate::{
    cgroup,
    inside::{Kind, Root},
    protocol::{Rootfs, SECRET_SOURCE, Start},
    secrets,
    sys::{self, Attributes},
    userns::UserNamespace,
};

/// A step that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootfsError {
    /// The namespace cannot be cut off from the host's.
    #[error("make mounts private")]
    Private(#[source] Errno),
    /// The container's users cannot make files.
    #[error("make files as the container's root")]
    Users(#[source] Errno),
    /// A layer or the writable directory cannot be opened or mapped.
    #[error("open {path}")]
    Layer {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The layers cannot be put together.
    #[error("mount root file system")]
    Overlay(#[source] Errno),
    /// Something cannot be mounted.
    #[error("mount {target}")]
    Mount {
        /// Inside the container.
        target: String,
        /// Why.
        #[source]
        source: Errno,
    },
    /// A device or link in `/dev` cannot be made.
    #[error("make /dev/{name}")]
    Device {
        /// Its name.
        name: &'static str,
        /// Why.
        #[source]
        source: Errno,
    },
    /// A path cannot be hidden or write-protected.
    #[error("protect {path}")]
    Protect {
        /// Inside the container.
        path: String,
        /// Why.
        #[source]
        source: Errno,
    },
    /// The working directory cannot be made.
    #[error("make working directory {path}")]
    WorkingDir {
        /// Inside the container.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: Errno,
    },
    /// The root cannot be changed.
    #[error("change root")]
    Pivot(#[source] Errno),
}

/// Devices that every container has: name, major, minor.
const DEVICES: [(&str, u64, u64); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// Links that every container has.
const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
];

/// Builds the root file system, for the users of a namespace, and makes it the root of this process.
pub(crate) fn enter(
    start: &Start,
    spec: &Spec,
    user: Option<&UserNamespace>,
) -> Result<(), RootfsError> {
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).map_err(RootfsError::Private)?;
    let path = start.bundle.join("rootfs");
    if let Some(user) = user {
        user.make_files_as_root().map_err(RootfsError::Users)?;
    }
    mount_layers(&start.rootfs, &path, user)?;
    let root = Root::open(&path).map_err(RootfsError::Overlay)?;
    for wanted in spec.mounts().iter().flatten() {
        let target = wanted.destination().to_string_lossy();
        let mounted = match secret_volume(wanted) {
            Some(volume) => {
                let files = start.secrets.get(volume).map(Vec::as_slice).unwrap_or_default();
                secrets::mount(&root, Utf8Path::new(&target), files, owner(spec, user))
            }
            None => mount_one(&root, wanted, Utf8Path::new(&target), user),
        };
        mounted.map_err(|source| RootfsError::Mount { target: target.to_string(), source })?;
        if target == "/dev" {
            make_devices(&root)?;
        }
    }
    if let Some(linux) = spec.linux() {
        for path in linux.readonly_paths().iter().flatten() {
            protect(&root, path, write_protect)?;
        }
        for path in linux.masked_paths().iter().flatten() {
            protect(&root, path, hide)?;
        }
    }
    if let Some(cwd) = spec.process().as_ref().and_then(|p| Utf8Path::from_path(p.cwd())) {
        root.ensure(cwd, Kind::Directory)
            .map_err(|source| RootfsError::WorkingDir { path: cwd.to_owned(), source })?;
    }
    become_root(&root).map_err(RootfsError::Pivot)
}

/// Mounts the layers. They are named by descriptors: paths could be too many for one page, which
/// is what the kernel takes, and could hold separators.
fn mount_layers(
    rootfs: &Rootfs,
    target: &Utf8Path,
    user: Option<&UserNamespace>,
) -> Result<(), RootfsError> {
    let open = |path: &Utf8Path| match user {
        None => open_layer(path),
        Some(user) => map_layer(path, target, user),
    };
    let lower: Result<Vec<OwnedFd>, RootfsError> =
        rootfs.lower.iter().map(|path| open(path)).collect();
    let lower = lower?;
    // Both on one mount: the kernel moves files from one to the other.
    let writable = open(rootfs.upper.parent().unwrap_or(&rootfs.upper))?;
    let name = |layer: &OwnedFd| format!("/proc/self/fd/{}", layer.as_raw_fd());
    let within = |path: &Utf8Path| name(&writable) + "/" + path.file_name().unwrap_or_default();
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.iter().map(name).collect::<Vec<_>>().join(":"),
        within(&rootfs.upper),
        within(&rootfs.work),
    );
    // Where nothing controls the use of device files, there are none.
    let flags = if cgroup::is_unified() { MsFlags::MS_NODEV } else { MsFlags::empty() };
    mount(Some("overlay"), target.as_std_path(), Some("overlay"), flags, Some(options.as_str()))
        .map_err(RootfsError::Overlay)
}

fn open_layer(path: &Utf8Path) -> Result<OwnedFd, RootfsError> {
    let file = fs::File::open(path);
    let file = file.map_err(|source| RootfsError::Layer { path: path.to_owned(), source })?;
    Ok(file.into_parts().0.into())
}

/// A layer as the container's users see it. It is attached where the overlay will cover it: kernels
/// before 6.15 take no mounts that are nowhere.
fn map_layer(
    path: &Utf8Path,
    place: &Utf8Path,
    user: &UserNamespace,
) -> Result<OwnedFd, RootfsError> {
    let map = || {
        let tree = sys::copy_tree(path.as_str())?;
        sys::map_ids(tree.as_fd(), user.fd())?;
        let place = Root::open(place)?;
        sys::attach(tree.as_fd(), place.fd())?;
        Ok(tree)
    };
    map().map_err(|error: Errno| RootfsError::Layer { path: path.to_owned(), source: error.into() })
}

/// The name of the secret volume that a mount is of.
fn secret_volume(wanted: &Mount) -> Option<&str> {
    wanted.source().as_ref()?.to_str()?.strip_prefix(SECRET_SOURCE)
}

/// The user that the container's program runs as, as the host numbers it.
fn owner(spec: &Spec, user: Option<&UserNamespace>) -> (Uid, Gid) {
    let process = spec.process().as_ref().map(oci_spec::runtime::Process::user);
    let (uid, gid) = process.map_or((0, 0), |process| (process.uid(), process.gid()));
    let on_host = |id| user.map_or(id, |user| user.on_host(id));
    (Uid::from_raw(on_host(uid)), Gid::from_raw(on_host(gid)))
}

fn mount_one(
    root: &Root,
    wanted: &Mount,
    target: &Utf8Path,
    user: Option<&UserNamespace>,
) -> Result<(), Errno> {
    let source = wanted.source().as_ref().map(|path| path.to_string_lossy()).unwrap_or_default();
    let options: Vec<&str> = wanted.options().iter().flatten().map(String::as_str).collect();
    let attributes = attributes(&options);
    if options.iter().any(|option| matches!(*option, "bind" | "rbind")) {
        let tree = sys::copy_tree(&source)?;
        let kind = if is_directory(&tree)? { Kind::Directory } else { Kind::File };
        let target = root.ensure(target, kind)?;
        sys::add_attributes(tree.as_fd(), attributes)?;
        if let Some(user) = user {
            match sys::map_ids(tree.as_fd(), user.fd()) {
                // The kernel's own file systems and some others cannot: their files are nobody's.
                Ok(()) | Err(Errno::EINVAL) => {}
                Err(error) => return Err(error),
            }
        }
        return sys::attach(tree.as_fd(), target.as_fd());
    }
    let fs_type = match wanted.typ().as_deref() {
        Some("cgroup") => "cgroup2",
        Some(other) => other,
        None => return Err(Errno::EINVAL),
    };
    let values: Vec<(&str, Option<Cow<'_, str>>)> = options
        .iter()
        .filter(|option| attribute(option).is_none())
        .map(|option| match (option.split_once('='), user) {
            (Some(("gid", value)), Some(user)) => {
                let gid = value.parse().map_err(|_| Errno::EINVAL)?;
                Ok(("gid", Some(user.on_host(gid).to_string().into())))
            }
            (Some((key, value)), _) => Ok((key, Some(value.into()))),
            (None, _) => Ok((*option, None)),
        })
        .collect::<Result<_, Errno>>()?;
    let values: Vec<_> = values.iter().map(|(key, value)| (*key, value.as_deref())).collect();
    let mounted = sys::new_mount(fs_type, &values, attributes)?;
    // The kernel's own file systems must be where they seem to be: an image that has a link in
    // their place is refused.
    root.ensure(target, Kind::Directory)?;
    sys::attach(mounted.as_fd(), root.find_plain(target)?.as_fd())
}

/// The attribute for an option of `mount(8)`; `None` if the file system itself understands it.
fn attribute(option: &str) -> Option<Attributes> {
    Some(match option {
        "ro" => libc::MOUNT_ATTR_RDONLY,
        "nosuid" => libc::MOUNT_ATTR_NOSUID,
        "nodev" => libc::MOUNT_ATTR_NODEV,
        "noexec" => libc::MOUNT_ATTR_NOEXEC,
        "noatime" => libc::MOUNT_ATTR_NOATIME,
        "strictatime" => libc::MOUNT_ATTR_STRICTATIME,
        "rw" | "relatime" | "bind" | "rbind" | "private" | "rprivate" => 0,
        _ => return None,
    })
}

fn attributes(options: &[&str]) -> Attributes {
    options.iter().filter_map(|option| attribute(option)).fold(0, |all, one| all | one)
}

fn is_directory(fd: &OwnedFd) -> Result<bool, Errno> {
    let mode = SFlag::from_bits_truncate(fstat(fd)?.st_mode);
    Ok(mode & SFlag::S_IFMT == SFlag::S_IFDIR)
}

fn make_devices(root: &Root) -> Result<(), RootfsError> {
    let failed = |name| move |source| RootfsError::Device { name, source };
    let dev = root.find_plain("/dev".into()).map_err(failed(""))?;
    for (name, major, minor) in DEVICES {
        let mode = Mode::from_bits_truncate(0o666);
        mknodat(&dev, name, SFlag::S_IFCHR, mode, makedev(major, minor)).map_err(failed(name))?;
    }
    for (target, name) in LINKS {
        symlinkat(target, &dev, name).map_err(failed(name))?;
    }
    Ok(())
}

/// Does something to a path of the kernel's file systems, if it is there.
fn protect(
    root: &Root,
    path: &str,
    how: impl Fn(&OwnedFd) -> Result<(), Errno>,
) -> Result<(), RootfsError> {
    match root.find_plain(path.into()) {
        Ok(target) => how(&target),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(()),
        Err(error) => Err(error),
    }
    .map_err(|source| RootfsError::Protect { path: path.to_owned(), source })
}

const NOTHING_SPECIAL: Attributes =
    libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC;

fn write_protect(target: &OwnedFd) -> Result<(), Errno> {
    let tree = sys::copy_tree_at(target.as_fd())?;
    sys::add_attributes(tree.as_fd(), libc::MOUNT_ATTR_RDONLY | NOTHING_SPECIAL)?;
    sys::attach(tree.as_fd(), target.as_fd())
}

/// A directory becomes an empty one, a file becomes `/dev/null`.
fn hide(target: &OwnedFd) -> Result<(), Errno> {
    let cover = if is_directory(target)? {
        let attributes = libc::MOUNT_ATTR_RDONLY | NOTHING_SPECIAL;
        sys::new_mount("tmpfs", &[("size", Some("4k")), ("nr_inodes", Some("1"))], attributes)?
    } else {
        sys::copy_tree("/dev/null")?
    };
    sys::attach(cover.as_fd(), target.as_fd())
}

/// The old root goes below the new one for a moment and then out of sight.
fn become_root(root: &Root) -> Result<(), Errno> {
    fchdir(root.fd())?;
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    chdir("/")
}
