//! Snapshots of a share: copies that nobody writes to, in `<share>/snapshots/<time>`.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use super::{Share, Shares, TREE, make, rename, settings::etag};
use crate::{
    durable,
    error::{Code, FilesError},
    times::{iso, parse_iso},
    tree::copy::copy_tree,
};

pub(super) const SNAPSHOTS: &str = "snapshots";
/// As many as a share of Azure may have.
const SNAPSHOTS_MAX: usize = 200;
/// What times are told in.
const TICK: SignedDuration = SignedDuration::from_nanos(100);

/// What becomes of a share's snapshots when it is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithSnapshots {
    /// They go with it.
    Delete,
    /// A share that has any is not deleted.
    Refuse,
}

impl Shares {
    /// Copies what a share holds now, file by file. With metadata the snapshot has that in place of
    /// the share's. It does not count towards the quota.
    pub fn create_snapshot(
        &self,
        account: &str,
        share: &str,
        metadata: Option<BTreeMap<String, String>>,
    ) -> Result<Share, FilesError> {
        let place = self.place(account, share)?;
        let base = self.show(account, share)?;
        self.next_snapshot(account, share)?;
        let staged = tempfile::tempdir_in(self.temporary());
        let staged = staged.map_err(FilesError::file("make", self.temporary()))?;
        let tree = staged.path().join(TREE);
        make(&tree, 0o700)?;
        copy_tree(&place.join(TREE), &tree)?;
        let _changing = self.changing();
        let mut about = self.show(account, share)?;
        // Another share may have got its name by now.
        if about.created != base.created {
            return Err(Code::ShareNotFound.into());
        }
        let time = self.next_snapshot(account, share)?;
        about.snapshot = Some(iso(time));
        if let Some(metadata) = metadata {
            about.settings.metadata = metadata;
            about.etag = etag(time, Some(&about.etag));
            about.last_modified = time;
        }
        self.write(staged.path(), &about)?;
        let snapshots = place.join(SNAPSHOTS);
        make(&snapshots, 0o700)?;
        durable::sync(&place)?;
        rename(staged.path(), &snapshots.join(iso(time)))?;
        durable::sync(&snapshots)?;
        Ok(about)
    }

    /// The snapshots of a share, oldest first.
    pub fn snapshots(&self, account: &str, share: &str) -> Result<Vec<Share>, FilesError> {
        let mut found = Vec::new();
        for time in self.snapshot_times(account, share)? {
            match self.show_snapshot(account, share, &time) {
                Ok(snapshot) => found.push(snapshot),
                Err(error) if error.code() == Code::ShareSnapshotNotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// One snapshot, by the time that it was told to have.
    pub fn show_snapshot(
        &self,
        account: &str,
        share: &str,
        snapshot: &str,
    ) -> Result<Share, FilesError> {
        Self::read(&self.snapshot_place(account, share, snapshot)?).map_err(no_snapshot)
    }

    /// Removes a snapshot with all that is in it.
    pub fn delete_snapshot(
        &self,
        account: &str,
        share: &str,
        snapshot: &str,
    ) -> Result<(), FilesError> {
        let place = self.snapshot_place(account, share, snapshot)?;
        self.discard(&place, || Ok(())).map_err(no_snapshot)
    }

    /// The directory of a snapshot; only reading it makes sense.
    pub(crate) fn snapshot_tree(
        &self,
        account: &str,
        share: &str,
        snapshot: &str,
    ) -> Result<PathBuf, FilesError> {
        let tree = self.snapshot_place(account, share, snapshot)?.join(TREE);
        if tree.is_dir() { Ok(tree) } else { Err(Code::ShareSnapshotNotFound.into()) }
    }

    /// Names of the snapshots that a share has, oldest first.
    pub(super) fn snapshot_times(
        &self,
        account: &str,
        share: &str,
    ) -> Result<Vec<String>, FilesError> {
        let mut times = entries(&self.place(account, share)?.join(SNAPSHOTS))?;
        times.retain(|time| is_time(time));
        Ok(times)
    }

    /// The time of a snapshot that is made now: later than that of every other one.
    fn next_snapshot(&self, account: &str, share: &str) -> Result<Timestamp, FilesError> {
        let times = self.snapshot_times(account, share)?;
        if times.len() >= SNAPSHOTS_MAX {
            return Err(Code::ShareSnapshotCountExceeded.into());
        }
        let last = times.last().and_then(|time| parse_iso(time));
        let next = last.and_then(|last| last.checked_add(TICK).ok());
        // `None` is earlier than any time.
        let now = self.clock.now();
        Ok(next.max(Some(now)).unwrap_or(now))
    }

    fn snapshot_place(
        &self,
        account: &str,
        share: &str,
        snapshot: &str,
    ) -> Result<PathBuf, FilesError> {
        let place = self.place(account, share)?;
        if is_time(snapshot) {
            Ok(place.join(SNAPSHOTS).join(snapshot))
        } else {
            Err(Code::ShareSnapshotNotFound.into())
        }
    }
}

/// Whether a name is a time as snapshots have it.
pub(super) fn is_time(name: &str) -> bool {
    parse_iso(name).is_some_and(|time| iso(time) == name)
}

/// The names in a directory, sorted. One that is not there has none.
fn entries(path: &Path) -> Result<Vec<String>, FilesError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FilesError::file("list", path)(error)),
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    Ok(names)
}

fn no_snapshot(error: FilesError) -> FilesError {
    if error.code() == Code::ShareNotFound { Code::ShareSnapshotNotFound.into() } else { error }
}
