//! The shares of all accounts, as directories.

mod check;
mod list;
mod settings;
mod snapshots;

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use self::snapshots::Copying;
pub use self::{
    settings::{
        AccessPolicy, AccessTier, Change, Created, Listing, MAX_QUOTA, Protocol, Query, Settings,
        Share,
    },
    snapshots::WithSnapshots,
};
use crate::{
    clock::Clock,
    durable,
    error::{Code, FilesError},
    names::{check_account, check_share},
    usage::{self, Measured},
};

const TEMPORARY: &str = ".tmp";
const ABOUT: &str = "share.json";
const TREE: &str = "tree";
/// No share can have this name.
const PROPERTIES: &str = "service.json";

/// All shares below one directory. Everything that has been answered survives the loss of power.
#[derive(Debug)]
pub struct Shares {
    root: PathBuf,
    clock: Clock,
    /// Held by whoever changes which shares there are, or what is known about one.
    changes: Mutex<()>,
    measured: Mutex<Measured>,
    copying: Copying,
}

impl Shares {
    /// Opens or makes the directory, and removes what an interrupted change has left.
    pub fn open(root: &Path) -> Result<Self, FilesError> {
        Self::open_with(root, Clock::system())
    }

    /// The same with another clock.
    pub fn open_with(root: &Path, clock: Clock) -> Result<Self, FilesError> {
        let temporary = root.join(TEMPORARY);
        fs::create_dir_all(root).map_err(FilesError::file("make", root))?;
        // Shares are writable for everybody, so nobody else of the host may come near.
        let closed = fs::set_permissions(root, fs::Permissions::from_mode(0o700));
        closed.map_err(FilesError::file("make", root))?;
        remove(&temporary)?;
        fs::create_dir(&temporary).map_err(FilesError::file("make", &temporary))?;
        durable::sync(root)?;
        let (changes, measured, copying) = Default::default();
        Ok(Self { root: root.to_owned(), clock, changes, measured, copying })
    }

    /// The accounts that anything is kept for.
    pub fn accounts(&self) -> Result<Vec<String>, FilesError> {
        let mut names = entries(&self.root)?;
        names.retain(|name| check_account(name).is_ok());
        Ok(names)
    }

    /// One share.
    pub fn show(&self, account: &str, share: &str) -> Result<Share, FilesError> {
        Self::read(&self.place(account, share)?)
    }

    /// Makes a share; one that is there already is not changed.
    pub fn create(
        &self,
        account: &str,
        share: &str,
        settings: Settings,
    ) -> Result<Created, FilesError> {
        settings.check()?;
        let place = self.place(account, share)?;
        let _changing = self.changing();
        match self.show(account, share) {
            Ok(there) => return Ok(Created::AlreadyThere(there)),
            Err(error) if error.code() == Code::ShareNotFound => {}
            Err(error) => return Err(error),
        }
        let about = Share::new(share, settings, self.clock.now());
        let account = self.root.join(account);
        make(&account, 0o700)?;
        durable::sync(&self.root)?;
        let staged = tempfile::tempdir_in(self.temporary());
        let staged = staged.map_err(FilesError::file("make", self.temporary()))?;
        self.write(staged.path(), &about)?;
        make(&staged.path().join(TREE), 0o777)?;
        durable::sync(&staged.path().join(TREE))?;
        durable::sync(staged.path())?;
        rename(staged.path(), &place)?;
        durable::sync(&account)?;
        Ok(Created::New(about))
    }

    /// Changes what is known about a share.
    pub fn update(&self, account: &str, share: &str, change: Change) -> Result<Share, FilesError> {
        let place = self.place(account, share)?;
        let _changing = self.changing();
        let mut about = self.show(account, share)?;
        about.apply(change, self.clock.now())?;
        self.write(&place, &about)?;
        Ok(about)
    }

    /// Removes a share with all that is in it. The name is free at once.
    pub fn delete(
        &self,
        account: &str,
        share: &str,
        snapshots: WithSnapshots,
    ) -> Result<(), FilesError> {
        let place = self.place(account, share)?;
        self.discard(&place, || {
            let may_go = snapshots == WithSnapshots::Delete
                || self.snapshot_times(account, share)?.is_empty();
            if may_go { Ok(()) } else { Err(Code::ShareHasSnapshots.into()) }
        })
    }

    /// Removes all shares of an account and what else is kept for it. None is not an error.
    pub fn delete_account(&self, account: &str) -> Result<(), FilesError> {
        check_account(account)?;
        match self.discard(&self.root.join(account), || Ok(())) {
            Err(error) if error.code() == Code::ShareNotFound => Ok(()),
            other => other,
        }
    }

    /// The directory that clients and containers see.
    pub fn tree(&self, account: &str, share: &str) -> Result<PathBuf, FilesError> {
        let tree = self.place(account, share)?.join(TREE);
        if tree.is_dir() { Ok(tree) } else { Err(gone()) }
    }

    /// Bytes that the files of a share occupy on the disk. A share is walked anew when what is
    /// known is older than two seconds, or ten times as old as the walk took.
    pub fn usage(&self, account: &str, share: &str) -> Result<u64, FilesError> {
        let tree = self.tree(account, share)?;
        let began = self.clock.now();
        if let Some(bytes) = self.measured().get(&tree, began) {
            return Ok(bytes);
        }
        let bytes = usage::walk(&tree)?;
        self.measured().put(&tree, bytes, began, self.clock.now());
        Ok(bytes)
    }

    /// Refuses to let a share grow beyond its quota; else counts `bytes` as written.
    pub fn reserve(&self, account: &str, share: &str, bytes: u64) -> Result<(), FilesError> {
        let quota = u64::from(self.show(account, share)?.settings.quota) << 30;
        let tree = self.tree(account, share)?;
        let full = |used: u64| used.saturating_add(bytes) > quota;
        if full(self.usage(account, share)?) {
            // What has been added may have replaced something.
            self.measured().forget(&tree);
            if full(self.usage(account, share)?) {
                return Err(Code::ShareSizeLimitReached.into());
            }
        }
        self.measured().add(&tree, bytes);
        Ok(())
    }

    /// What is kept for an account's file service.
    pub(crate) fn service_properties(
        &self,
        account: &str,
    ) -> Result<BTreeMap<String, String>, FilesError> {
        check_account(account)?;
        let path = self.root.join(account).join(PROPERTIES);
        match fs::read(&path) {
            Ok(text) => {
                let kept = serde_json::from_slice(&text).map_err(io::Error::other);
                kept.map_err(FilesError::file("parse", &path))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(FilesError::file("read", &path)(error)),
        }
    }

    /// Keeps something for an account's file service.
    pub(crate) fn set_service_properties(
        &self,
        account: &str,
        properties: &BTreeMap<String, String>,
    ) -> Result<(), FilesError> {
        check_account(account)?;
        let place = self.root.join(account);
        let _changing = self.changing();
        make(&place, 0o700)?;
        durable::sync(&self.root)?;
        let path = place.join(PROPERTIES);
        let text = serde_json::to_vec_pretty(properties).map_err(io::Error::other);
        let text = text.map_err(FilesError::file("write", &path))?;
        durable::replace(&path, &self.temporary(), &text)
    }

    fn read(place: &Path) -> Result<Share, FilesError> {
        let path = place.join(ABOUT);
        match fs::read(&path) {
            Ok(text) => {
                let about = serde_json::from_slice(&text).map_err(io::Error::other);
                about.map_err(FilesError::file("parse", &path))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(gone()),
            Err(error) => Err(FilesError::file("read", &path)(error)),
        }
    }

    fn place(&self, account: &str, share: &str) -> Result<PathBuf, FilesError> {
        check_account(account)?;
        check_share(share)?;
        Ok(self.root.join(account).join(share))
    }

    fn temporary(&self) -> PathBuf {
        self.root.join(TEMPORARY)
    }

    fn write(&self, place: &Path, about: &Share) -> Result<(), FilesError> {
        let path = place.join(ABOUT);
        let text = serde_json::to_vec_pretty(about).map_err(io::Error::other);
        let text = text.map_err(FilesError::file("write", &path))?;
        durable::replace(&path, &self.temporary(), &text)
    }

    /// Takes a directory out of sight, durably, and then away, unless `check` finds that it stays.
    fn discard(
        &self,
        place: &Path,
        check: impl FnOnce() -> Result<(), FilesError>,
    ) -> Result<(), FilesError> {
        let hidden = tempfile::tempdir_in(self.temporary());
        let hidden = hidden.map_err(FilesError::file("make", self.temporary()))?.keep();
        {
            let _changing = self.changing();
            let hide = |()| match fs::rename(place, hidden.join("deleted")) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Err(gone()),
                other => other.map_err(FilesError::file("rename", place)),
            };
            let done = check().and_then(hide);
            done.or_else(|error| remove(&hidden).and(Err(error)))?;
            place.parent().map_or(Ok(()), durable::sync)?;
        }
        self.measured().forget(place);
        // What cannot be removed now is when the shares are opened the next time.
        let removal = std::thread::Builder::new().name("remove a share".to_owned());
        let removal = removal.spawn(move || {
            if let Err(error) = remove(&hidden) {
                tracing::warn!(error = &error as &dyn std::error::Error, "a share is left behind");
            }
        });
        drop(removal.map_err(FilesError::file("remove", place))?);
        Ok(())
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names in a directory, sorted. One that is not there has none.
fn entries(path: &Path) -> Result<Vec<String>, FilesError> {
    let found = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(FilesError::file("list", path))?,
    };
    let lossy = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = found.flatten().map(lossy).collect();
    names.sort_unstable();
    Ok(names)
}

fn gone() -> FilesError {
    Code::ShareNotFound.into()
}

/// Makes a directory with exactly these permissions.
fn make(path: &Path, mode: u32) -> Result<(), FilesError> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        other => other.map_err(FilesError::file("make", path))?,
    }
    let permissions = fs::Permissions::from_mode(mode);
    fs::set_permissions(path, permissions).map_err(FilesError::file("make", path))
}

fn rename(from: &Path, to: &Path) -> Result<(), FilesError> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::EXIST) => Err(Code::ShareAlreadyExists.into()),
        other => other.map_err(io::Error::from).map_err(FilesError::file("make", to)),
    }
}

fn remove(path: &Path) -> Result<(), FilesError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(FilesError::file("remove", path)),
    }
}
