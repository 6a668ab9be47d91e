//! Snapshots of a share: copies that nobody writes to, in `<share>/snapshots/<time>`.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use super::{Share, Shares, TREE, entries, make, rename, settings::etag};
use crate::{
    durable,
    error::{Code, FilesError},
    names::check_metadata,
    times::{iso, parse_iso},
    tree::copy::copy_tree,
};

pub(super) const SNAPSHOTS: &str = "snapshots";
/// As many as a share of Azure may have.
const SNAPSHOTS_MAX: usize = 200;
/// Times are whole seconds, as on Azure: some clients keep no more of them.
const TICK: SignedDuration = SignedDuration::from_secs(1);

/// What becomes of a share's snapshots when it is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithSnapshots {
    /// They go with it.
    Delete,
    /// A share that has any is not deleted.
    Refuse,
}

/// The shares that are being copied.
#[derive(Debug, Default)]
pub(super) struct Copying(Mutex<HashSet<PathBuf>>);

/// A share's turn to be copied; it ends when this is dropped.
#[derive(Debug)]
struct Turn<'a> {
    copying: &'a Copying,
    share: PathBuf,
}

impl Copying {
    /// Clients that lose patience ask again while they are still being served.
    fn begin(&self, share: PathBuf) -> Result<Turn<'_>, FilesError> {
        if self.shares().insert(share.clone()) {
            Ok(Turn { copying: self, share })
        } else {
            Err(Code::ShareSnapshotInProgress.into())
        }
    }

    fn shares(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.copying.shares().remove(&self.share);
    }
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
        check_metadata(metadata.iter().flatten())?;
        let place = self.place(account, share)?;
        let base = self.show(account, share)?;
        self.next_snapshot(account, share)?;
        let _turn = self.copying.begin(place.clone())?;
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
        let about = Self::read(&self.snapshot_place(account, share, snapshot)?);
        let snapshot = Some(snapshot.to_owned());
        about.map(|about| Share { snapshot, ..about }).map_err(no_snapshot)
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
        let now = self.clock.now();
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let last = times.last().and_then(|time| parse_iso(time));
        let next = last.and_then(|last| last.checked_add(TICK).ok());
        // `None` is earlier than any time.
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

fn no_snapshot(error: FilesError) -> FilesError {
    if error.code() == Code::ShareNotFound { Code::ShareSnapshotNotFound.into() } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    #[test]
    fn a_share_is_copied_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let shares = Shares::open(dir.path()).unwrap();
        for share in ["data", "other"] {
            shares.create("acct", share, Settings::default()).unwrap();
        }
        let turn = shares.copying.begin(shares.place("acct", "data").unwrap()).unwrap();
        let refused = shares.create_snapshot("acct", "data", None).unwrap_err();
        assert_eq!(refused.code(), Code::ShareSnapshotInProgress);
        shares.create_snapshot("acct", "other", None).unwrap();
        drop(turn);
        shares.create_snapshot("acct", "data", None).unwrap();
        shares.create_snapshot("acct", "data", None).unwrap();
    }
}
