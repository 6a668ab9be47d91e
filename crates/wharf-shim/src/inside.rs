//! Finding and making things inside a root that somebody else has filled: no link leads out of it.

use std::{
    collections::VecDeque,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2, readlinkat},
    sys::stat::{Mode, mkdirat},
};

/// More links than this on one way are a loop.
const LINK_LIMIT: usize = 40;

/// How often the kernel is asked to resolve a path before that counts as a failure.
const TRIES: u32 = 1_000;

/// A directory that is taken for the root.
#[derive(Debug)]
pub(crate) struct Root {
    fd: OwnedFd,
}

/// What shall be at the end of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
}

impl Root {
    pub(crate) fn open(path: &Utf8Path) -> Result<Self, Errno> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self { fd: open(path.as_std_path(), flags, Mode::empty())? })
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// What is there, links followed inside the root.
    pub(crate) fn find(&self, path: &Utf8Path) -> Result<OwnedFd, Errno> {
        self.resolve(path, ResolveFlag::RESOLVE_NO_MAGICLINKS)
    }

    /// What is there, if the way to it has no link at all.
    pub(crate) fn find_plain(&self, path: &Utf8Path) -> Result<OwnedFd, Errno> {
        self.resolve(path, ResolveFlag::RESOLVE_NO_SYMLINKS)
    }

    fn resolve(&self, path: &Utf8Path, rule: ResolveFlag) -> Result<OwnedFd, Errno> {
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | rule);
        // The kernel gives up going upwards when anything on the host is renamed or mounted
        // meanwhile: openat2(2) says to try again.
        let mut tries = 0;
        loop {
            match openat2(&self.fd, path.as_std_path(), how) {
                Err(Errno::EAGAIN) if tries < TRIES => tries += 1,
                found => return found,
            }
        }
    }

    /// What is there; made if it is not, with all directories on the way. A link that leads
    /// nowhere gets a target.
    pub(crate) fn ensure(&self, path: &Utf8Path, kind: Kind) -> Result<OwnedFd, Errno> {
        match self.find(path) {
            Err(Errno::ENOENT | Errno::EAGAIN) => self.make(path, kind),
            found => found,
        }
    }

    /// Goes one name at a time and never lets the kernel follow a link or go up.
    fn make(&self, path: &Utf8Path, kind: Kind) -> Result<OwnedFd, Errno> {
        let mut way: VecDeque<String> = names(path).collect();
        let mut stack: Vec<OwnedFd> = vec![self.fd.try_clone().map_err(|_| Errno::EMFILE)?];
        let mut links = 0;
        while let Some(name) = way.pop_front() {
            if name == ".." {
                if stack.len() > 1 {
                    stack.pop();
                }
                continue;
            }
            let here = stack.last().unwrap_or(&self.fd);
            if let Ok(target) = readlinkat(here, name.as_str()) {
                links += 1;
                let target = target.into_string().map_err(|_| Errno::EILSEQ)?;
                let target = Utf8PathBuf::from(target);
                if links > LINK_LIMIT {
                    return Err(Errno::ELOOP);
                }
                if target.is_absolute() {
                    stack.truncate(1);
                }
                for name in names(&target).collect::<Vec<_>>().into_iter().rev() {
                    way.push_front(name);
                }
                continue;
            }
            let kind = if way.is_empty() { kind } else { Kind::Directory };
            let next = step(here.as_fd(), &name, kind)?;
            stack.push(next);
        }
        stack.pop().ok_or(Errno::ENOENT)
    }
}

fn step(here: BorrowedFd<'_>, name: &str, kind: Kind) -> Result<OwnedFd, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    match openat(here, name, flags, Mode::empty()) {
        Err(Errno::ENOENT) => {}
        found => return found,
    }
    match kind {
        Kind::Directory => match mkdirat(here, name, Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(error),
        },
        Kind::File => {
            let flags = OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_WRONLY;
            drop(openat(here, name, flags, Mode::from_bits_truncate(0o644))?);
        }
    }
    openat(here, name, flags, Mode::empty())
}

fn names(path: &Utf8Path) -> impl Iterator<Item = String> {
    path.components().filter_map(|component| match component {
        Utf8Component::Normal(name) => Some(name.to_owned()),
        Utf8Component::ParentDir => Some("..".to_owned()),
        Utf8Component::RootDir | Utf8Component::CurDir | Utf8Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Tree {
        _dir: tempfile::TempDir,
        outside: Utf8PathBuf,
        inside: Utf8PathBuf,
    }

    fn tree() -> Tree {
        let dir = tempfile::tempdir().unwrap();
        let outside = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        let inside = outside.join("root");
        std::fs::create_dir_all(inside.join("etc")).unwrap();
        Tree { _dir: dir, outside, inside }
    }

    #[test]
    fn directories_and_files_are_made_where_they_are_missing() {
        let tree = tree();
        let root = Root::open(&tree.inside).unwrap();
        root.ensure("/a/b/c".into(), Kind::Directory).unwrap();
        root.ensure("/etc/hosts".into(), Kind::File).unwrap();
        root.ensure("/etc/hosts".into(), Kind::File).unwrap();
        assert!(tree.inside.join("a/b/c").is_dir() && tree.inside.join("etc/hosts").is_file());
    }

    #[test]
    fn links_lead_to_places_inside_only() {
        let tree = tree();
        let root = Root::open(&tree.inside).unwrap();
        symlink("/../../out", tree.inside.join("absolute")).unwrap();
        symlink("../../../out2/deep", tree.inside.join("etc/relative")).unwrap();
        symlink("/run/x/resolv.conf", tree.inside.join("etc/resolv.conf")).unwrap();
        root.ensure("/absolute".into(), Kind::Directory).unwrap();
        root.ensure("/etc/relative".into(), Kind::Directory).unwrap();
        root.ensure("/etc/resolv.conf".into(), Kind::File).unwrap();
        root.ensure("/../../up".into(), Kind::Directory).unwrap();
        for made in ["out", "out2/deep", "run/x/resolv.conf", "up"] {
            assert!(tree.inside.join(made).exists(), "{made}");
        }
        let left: Vec<_> = tree.outside.read_dir_utf8().unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn loops_end() {
        let tree = tree();
        symlink("b", tree.inside.join("a")).unwrap();
        symlink("a", tree.inside.join("b")).unwrap();
        let root = Root::open(&tree.inside).unwrap();
        assert_eq!(root.ensure("/a/x".into(), Kind::Directory).unwrap_err(), Errno::ELOOP);
    }

    #[test]
    fn a_plain_way_has_no_links() {
        let tree = tree();
        symlink("etc", tree.inside.join("link")).unwrap();
        let root = Root::open(&tree.inside).unwrap();
        assert!(root.find_plain("/etc".into()).is_ok() && root.find("/link".into()).is_ok());
        assert_eq!(root.find_plain("/link".into()).unwrap_err(), Errno::ELOOP);
    }
}
