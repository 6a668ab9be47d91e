//! User namespaces: in its containers a group's users have numbers of their own.
//!
//! User 0 to 65535 of a container are 65,536 users of the host that have nothing there, another
//! range for each group. What is on the disk keeps the container's numbers: layers, writable layers
//! and volumes are mounted with the range mapped (kernel 5.12, in overlays 5.19).
//!
//! A group's network namespace is made together with its user namespace and belongs to it, so that
//! rights over the network are rights in there; whoever has the one finds the other.

use std::{
    fmt, io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
};

use camino::Utf8Path;
use fs_err as fs;
use nix::{
    errno::Errno,
    libc,
    sched::{CloneFlags, setns},
    sys::wait::waitpid,
    unistd::{Gid, Uid, fchown, setfsgid, setfsuid, setgroups, setresgid, setresuid},
};
use oci_spec::runtime::Spec;

use crate::sys;

/// The host's users that a group's users are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdRange(u32);

impl IdRange {
    /// How many users a group has.
    pub const SIZE: u32 = 1 << 16;
    /// How many ranges there are: from 524288 to 1879048191, what systemd leaves to containers
    /// (<https://systemd.io/UIDS-GIDS>).
    pub const COUNT: u32 = 0x7000 - 8;

    /// One of the ranges, counted round.
    pub fn nth(number: u32) -> Self {
        Self((number % Self::COUNT + 8) << 16)
    }

    /// The range after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self::nth((self.0 >> 16) - 8 + 1)
    }

    /// The host's number of the group's user 0.
    pub fn first(self) -> u32 {
        self.0
    }

    /// Reads what [`fmt::Display`] has written.
    pub fn parse(text: &str) -> Option<Self> {
        let first: u32 = text.trim().parse().ok()?;
        let range = Self::nth((first >> 16).checked_sub(8)?);
        (range.0 == first).then_some(range)
    }
}

impl fmt::Display for IdRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a group's shim is started in.
#[derive(Debug)]
pub struct Namespaces {
    /// Its network.
    pub network: OwnedFd,
    /// The range of the user namespace that owns the network; `None`: the host's own.
    pub ids: Option<IdRange>,
}

impl Namespaces {
    /// A new network namespace, owned by a new user namespace or by the host's. Does not enter it.
    pub fn make(ids: Option<IdRange>) -> io::Result<Self> {
        let user = if ids.is_some() { libc::CLONE_NEWUSER } else { 0 };
        let network = hold(user | libc::CLONE_NEWNET, |pid| {
            if let Some(ids) = ids {
                map(pid, ids)?;
            }
            Ok(fs::File::open(format!("/proc/{pid}/ns/net"))?.into_parts().0.into())
        })?;
        Ok(Self { network, ids })
    }
}

/// Why containers cannot have users of their own in these directories, if they cannot.
pub fn obstacle(directories: &[&Utf8Path]) -> io::Result<Option<String>> {
    if !is_kernel_at_least(5, 19) {
        return Ok(Some("the kernel is older than 5.19".to_owned()));
    }
    let made = hold(libc::CLONE_NEWUSER, |pid| {
        map(pid, IdRange::nth(0))?;
        Ok(OwnedFd::from(fs::File::open(format!("/proc/{pid}/ns/user"))?.into_parts().0))
    });
    let user = match made {
        Ok(user) => user,
        Err(error) => return Ok(Some(format!("no user namespace can be made: {error}"))),
    };
    for directory in directories {
        let tree = sys::copy_tree(directory.as_str())?;
        if let Err(error) = sys::map_ids(tree.as_fd(), user.as_fd()) {
            let reason = error.desc();
            return Ok(Some(format!("the file system of {directory} cannot map users: {reason}")));
        }
    }
    Ok(None)
}

/// Has a child hold new namespaces while something is done with them.
fn hold<T>(
    flags: libc::c_int,
    act: impl FnOnce(nix::unistd::Pid) -> io::Result<T>,
) -> io::Result<T> {
    let (wait, keep) = io::pipe()?;
    let pid = sys::hold_namespaces(flags, wait.as_fd())?;
    let done = act(pid);
    drop(keep);
    waitpid(pid, None)?;
    done
}

fn map(pid: nix::unistd::Pid, ids: IdRange) -> io::Result<()> {
    for file in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{pid}/{file}"), format!("0 {ids} {}\n", IdRange::SIZE))?;
    }
    Ok(())
}

fn is_kernel_at_least(major: u32, minor: u32) -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().ok());
    let version = (parts.next().flatten(), parts.next().flatten());
    version >= (Some(major), Some(minor))
}

/// The user namespace that a container will be in.
#[derive(Debug)]
pub(crate) struct UserNamespace {
    namespace: OwnedFd,
    first: u32,
}

impl UserNamespace {
    /// The one that a specification asks for: the owner of this process's network.
    pub(crate) fn wanted(spec: &Spec) -> Result<Option<Self>, Errno> {
        let mappings = spec.linux().as_ref().and_then(|linux| linux.uid_mappings().as_ref());
        let Some(mapping) = mappings.and_then(|mappings| mappings.first()) else { return Ok(None) };
        let network = fs::File::open("/proc/self/ns/net").map_err(|e| crate::launch::errno(&e))?;
        let namespace = sys::owner_of(network.as_fd())?;
        Ok(Some(Self { namespace, first: mapping.host_id() }))
    }

    /// Where the container's users are mapped.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }

    /// What the host calls a group of the container's.
    pub(crate) fn on_host(&self, id: u32) -> u32 {
        self.first.saturating_add(id)
    }

    /// From now on files are made as the container's root makes them. All rights are kept.
    pub(crate) fn make_files_as_root(&self) -> Result<(), Errno> {
        setfsgid(Gid::from_raw(self.first));
        setfsuid(Uid::from_raw(self.first));
        sys::raise_permitted()
    }

    /// Becomes the container's root.
    pub(crate) fn enter(&self) -> Result<(), Errno> {
        setns(&self.namespace, CloneFlags::CLONE_NEWUSER)?;
        become_root()
    }
}

/// After a user namespace has been entered.
pub(crate) fn become_root() -> Result<(), Errno> {
    let (user, group) = (Uid::from_raw(0), Gid::from_raw(0));
    setgroups(&[])?;
    setresgid(group, group, group)?;
    setresuid(user, user, user)
}

/// Lets a program open its own standard descriptors by name (`/dev/stdout`), whoever it runs as.
pub(crate) fn give_away(
    spec: &Spec,
    user: Option<&UserNamespace>,
    pipes: &[&OwnedFd],
) -> Result<(), Errno> {
    let Some(process) = spec.process() else { return Ok(()) };
    let on_host = |id| user.map_or(id, |user| user.on_host(id));
    let (uid, gid) = (on_host(process.user().uid()), on_host(process.user().gid()));
    pipes
        .iter()
        .try_for_each(|pipe| fchown(pipe, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_apart_and_can_be_read_back() {
        let (first, last) = (IdRange::nth(0), IdRange::nth(IdRange::COUNT - 1));
        assert_eq!((first.first(), last.first()), (524_288, 0x6fff_0000));
        assert_eq!(last.next(), first);
        assert_eq!(first.next().first(), first.first() + IdRange::SIZE);
        for range in [first, last, IdRange::nth(77)] {
            assert_eq!(IdRange::parse(&format!("{range}\n")), Some(range));
        }
        for wrong in ["", "0", "524289", "4294901760", "x"] {
            assert_eq!(IdRange::parse(wrong), None, "{wrong}");
        }
    }
}
