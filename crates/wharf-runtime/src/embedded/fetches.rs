//! Volumes that are fetched in the background.
//!
//! As with image pulls, a pass only begins it and looks at how it stands; whether a volume is there
//! is seen on the disk. What is kept here is memory of a courtesy: when to try again, what to tell.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use tokio::task::{JoinError, JoinHandle};
use wharf_model::{
    GroupId,
    backend::BackendError,
    clock::Clock,
    error::chain,
    event::{EventReason, Occurrence},
    plan::VolumeObs,
    spec::{AzureFile, GitRepo, VolumeSource, VolumeSpec},
};

use wharf_smb::Location;

use super::{
    Hint, failed,
    outbox::{Outbox, retry_at},
};
use crate::volumes::{
    git,
    mounts::{MountError, Mounts},
    share::{self, FileShares, Whereabouts},
};

/// The first pause after a failure; doubles up to [`RETRY_MAX`].
const RETRY_BASE: Duration = Duration::from_secs(2);
const RETRY_MAX: Duration = Duration::from_mins(2);

/// What is fetched.
enum Source {
    /// A repository, and where its clone is made.
    Git(GitRepo, Utf8PathBuf),
    Share(AzureFile),
}

/// A volume that could not be fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Git(#[from] git::GitError),
    #[error(transparent)]
    Share(#[from] share::ShareError),
    #[error(transparent)]
    Mount(#[from] MountError),
    #[error("look for the share")]
    Ended(#[source] JoinError),
}

/// All fetches of this daemon.
#[derive(Clone, Debug)]
pub(super) struct Fetches {
    /// The `wharf` binary, to be run as `wharf confine`.
    program: Utf8PathBuf,
    clock: Arc<dyn Clock>,
    hint: Hint,
    shares: Arc<dyn FileShares>,
    mounts: Mounts,
    groups: Arc<Mutex<HashMap<GroupId, Group>>>,
}

#[derive(Debug, Default)]
struct Group {
    fetches: HashMap<Utf8PathBuf, Fetch>,
    outbox: Outbox,
}

#[derive(Debug, Default)]
struct Fetch {
    tries: u32,
    retry_at: Option<Timestamp>,
    task: Option<JoinHandle<()>>,
}

impl Fetches {
    pub(super) fn new(
        program: Utf8PathBuf,
        clock: Arc<dyn Clock>,
        hint: Hint,
        (shares, mounts): (Arc<dyn FileShares>, Mounts),
    ) -> Self {
        Self { program, clock, hint, shares, mounts, groups: Arc::default() }
    }

    /// How the volume stands that is to be in a directory.
    pub(super) fn observe(&self, id: &GroupId, target: &Utf8Path) -> VolumeObs {
        if self.is_there(target) {
            return VolumeObs::Ready;
        }
        let groups = self.lock();
        match groups.get(id).and_then(|group| group.fetches.get(target)) {
            Some(Fetch { retry_at: Some(at), .. }) => VolumeObs::Failed { retry_at: *at },
            Some(Fetch { task: Some(_), .. }) => VolumeObs::Fetching,
            Some(Fetch { task: None, .. }) | None => VolumeObs::Absent,
        }
    }

    /// Whether a volume is there. What is mounted is not touched: its server may not answer.
    fn is_there(&self, target: &Utf8Path) -> bool {
        let mounted = share::linked(target).and_then(|root| self.mounts.is_mounted(&root));
        mounted.unwrap_or_else(|| target.exists())
    }

    /// Begins to fetch, unless that is under way.
    pub(super) fn ensure(
        &self,
        id: &GroupId,
        volume: &VolumeSpec,
        target: Utf8PathBuf,
    ) -> Result<(), BackendError> {
        let mut groups = self.lock();
        let fetch = groups.entry(id.clone()).or_default().fetches.entry(target.clone());
        let fetch = fetch.or_default();
        if fetch.task.as_ref().is_some_and(|task| !task.is_finished()) {
            return Ok(());
        }
        let source = match &volume.source {
            VolumeSource::GitRepo(repo) => {
                let stage = git::stage(&target).map_err(|source| {
                    failed(format!("fetch volume {} of group {id}", volume.name), source)
                })?;
                Source::Git(repo.clone(), stage)
            }
            VolumeSource::AzureFile(wanted) => Source::Share(wanted.clone()),
            VolumeSource::EmptyDir | VolumeSource::Secret(_) => return Ok(()),
        };
        fetch.retry_at = None;
        let this = self.clone();
        let (id, volume) = (id.clone(), volume.clone());
        fetch.task = Some(tokio::spawn(async move {
            let done = this.fetch(&id, source, &target).await;
            this.finish(&id, &volume, &target, done);
        }));
        Ok(())
    }

    async fn fetch(
        &self,
        id: &GroupId,
        source: Source,
        target: &Utf8Path,
    ) -> Result<(), FetchError> {
        match source {
            Source::Git(repo, stage) => Ok(git::clone(&self.program, &repo, &stage, target).await?),
            Source::Share(wanted) => {
                let (shares, asked) = (Arc::clone(&self.shares), wanted.clone());
                let found = tokio::task::spawn_blocking(move || shares.find(&asked)).await;
                let directory = match found.map_err(FetchError::Ended)?? {
                    Whereabouts::Here(directory) => directory,
                    Whereabouts::Elsewhere { location, is_configured } => {
                        let mounted = self.mount(id, target, (&wanted, location)).await;
                        mounted.map_err(|error| error.by_guess(is_configured, &wanted.account))?
                    }
                };
                Ok(share::link(&directory, target)?)
            }
        }
    }

    async fn mount(
        &self,
        id: &GroupId,
        target: &Utf8Path,
        share: (&AzureFile, Location),
    ) -> Result<Utf8PathBuf, MountError> {
        let (hint, group) = (self.hint.clone(), id.clone());
        let name = target.file_name().unwrap_or_default();
        self.mounts.mount(id, name, share, move || hint.give(&group)).await
    }

    fn finish(
        &self,
        id: &GroupId,
        volume: &VolumeSpec,
        target: &Utf8Path,
        done: Result<(), FetchError>,
    ) {
        let now = self.clock.now();
        if let Some(group) = self.lock().get_mut(id) {
            match done {
                Ok(()) => {
                    group.fetches.remove(target);
                    if matches!(volume.source, VolumeSource::AzureFile(_)) {
                        group.outbox.tell(mounted(now));
                    }
                }
                Err(error) => {
                    let reason = chain(&error);
                    let volume = &volume.name;
                    tracing::warn!(group = %id, volume, error = reason, "fetching failed");
                    group.fail(now, volume, target, &reason);
                }
            }
        }
        self.hint.give(id);
    }

    /// Events of a group's fetches; told again and again until the group is forgotten here.
    pub(super) fn occurrences(&self, id: &GroupId) -> Vec<Occurrence> {
        self.lock().get(id).map(|group| group.outbox.all().to_vec()).unwrap_or_default()
    }

    /// Ends what is under way for a group; afterwards nothing of it is written any more.
    pub(super) async fn cancel(&self, id: &GroupId) {
        let group = self.lock().remove(id).unwrap_or_default();
        for task in group.fetches.into_values().filter_map(|fetch| fetch.task) {
            task.abort();
            // The error is that it was ended, as asked.
            drop(task.await);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<GroupId, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn mounted(at: Timestamp) -> Occurrence {
    Occurrence {
        container: None,
        at,
        reason: EventReason::SuccessfulMountAzureFileVolume,
        message: "Successfully mounted Azure File Volume.".to_owned(),
    }
}

impl Group {
    fn fail(&mut self, now: Timestamp, volume: &str, target: &Utf8Path, reason: &str) {
        let fetch = self.fetches.entry(target.to_owned()).or_default();
        fetch.tries += 1;
        fetch.retry_at = Some(retry_at(now, fetch.tries, (RETRY_BASE, RETRY_MAX)));
        self.outbox.tell(Occurrence {
            container: None,
            at: now,
            reason: EventReason::FailedMount,
            message: format!("MountVolume.SetUp failed for volume \"{volume}\" : {reason}"),
        });
    }
}
