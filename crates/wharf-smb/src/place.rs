//! The directory of one mount: where it is mounted, who serves it.
//!
//! Whether a mount is served is found by looking: the process that serves it holds a lock, and the
//! kernel tells who does.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, fcntl},
    libc,
    mount::{MntFlags, umount2},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// The file whose lock the serving process holds.
const LOCK: &str = "lock";

/// The directory of one mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(Utf8PathBuf);

/// A place that cannot be looked at or cleared.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A file or directory cannot be made, read or removed.
    #[error("use {path}")]
    File {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It cannot be unmounted.
    #[error("unmount {path}")]
    Unmount {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: Errno,
    },
}

impl PlaceError {
    fn file(path: &Utf8Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

impl Place {
    /// The place at a path, whether there is one or not.
    pub fn at(path: Utf8PathBuf) -> Self {
        Self(path)
    }

    /// The directory itself.
    pub fn dir(&self) -> &Utf8Path {
        &self.0
    }

    /// Where the share is seen.
    pub fn root(&self) -> Utf8PathBuf {
        self.0.join("root")
    }

    /// What the serving process has to say.
    pub fn log(&self) -> Utf8PathBuf {
        self.0.join("log")
    }

    fn lock(&self) -> Utf8PathBuf {
        self.0.join(LOCK)
    }

    /// The place that has this root.
    pub fn of_root(root: &Utf8Path) -> Option<Self> {
        root.parent().filter(|_| root.file_name() == Some("root")).map(|dir| Self(dir.to_owned()))
    }

    /// Makes the directories; there must be no mount.
    pub fn make(&self) -> Result<(), PlaceError> {
        let root = self.root();
        fs::create_dir_all(&root).map_err(PlaceError::file(&root))?;
        let lock = self.lock();
        fs::File::create(&lock).map(drop).map_err(PlaceError::file(&lock))
    }

    /// The process that serves the mount; `None`: nobody.
    pub fn served_by(&self) -> Option<Pid> {
        let file = fs::File::open(self.lock()).ok()?;
        let mut lock = whole_file(libc::F_RDLCK);
        fcntl(file.file(), FcntlArg::F_GETLK(&mut lock)).ok()?;
        let is_free = i32::from(lock.l_type) == libc::F_UNLCK;
        (!is_free).then(|| Pid::from_raw(lock.l_pid))
    }

    /// Whether the share can be used: served, or mounted by the kernel's own client.
    pub fn is_mounted(&self) -> bool {
        self.served_by().is_some() || kind_of_mount(&self.root()).is_some_and(|kind| kind == "cifs")
    }

    /// Ends the mount and whoever serves it, now, and removes the directory; nothing if there is
    /// nothing. What is open in it gives errors from now on.
    pub fn clear(&self) -> Result<(), PlaceError> {
        if let Some(pid) = self.served_by() {
            // With it the kernel's connection ends, and with that everything that waits for it.
            match kill(pid, Signal::SIGKILL) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(PlaceError::file(&self.0)(error.into())),
            }
        }
        let root = self.root();
        loop {
            match umount2(root.as_std_path(), MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
                // One could be on top of another.
                Ok(()) => {}
                Err(Errno::EINVAL | Errno::ENOENT) => break,
                Err(source) => return Err(PlaceError::Unmount { path: root, source }),
            }
        }
        // Never what is in it: were it still mounted that would be the share.
        for path in [root, self.log(), self.lock(), self.0.clone()] {
            let removed =
                if path.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(PlaceError::file(&path)(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Takes the lock of the place that is the current directory, for as long as this process lives.
pub(crate) fn hold_lock() -> io::Result<()> {
    let file = fs::OpenOptions::new().read(true).write(true).open(LOCK)?;
    fcntl(file.file(), FcntlArg::F_SETLK(&whole_file(libc::F_WRLCK)))?;
    // Closing any descriptor of the file would let go of the lock.
    let _kept = std::os::fd::IntoRawFd::into_raw_fd(file.into_file());
    Ok(())
}

fn whole_file(kind: i32) -> libc::flock {
    libc::flock {
        l_type: i16::try_from(kind).unwrap_or_default(),
        l_whence: 0,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// The type of the file system that is mounted there, on top; looking does not touch it.
fn kind_of_mount(path: &Utf8Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mut found = mounts.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let is_here = before.split(' ').nth(4)? == path.as_str();
        is_here.then(|| after.split(' ').next().unwrap_or_default().to_owned())
    });
    found.next_back()
}
