//! Shares of other hosts: mounted by a process of their own each (`wharf smb-mount`), which
//! outlives the daemon as shims do.
//!
//! Nothing is remembered. A mount is where its name says, and who serves it holds a lock there.

use std::{collections::BTreeSet, io, process::Stdio, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
    task::{JoinError, spawn_blocking},
    time::timeout,
};
use wharf_model::{GroupId, spec::AzureFile};
use wharf_shim::paths::Layout;
use wharf_smb::{Answer, Location, Place, PlaceError, Refusal, Via, Wish};

/// How long mounting may take.
const PATIENCE: Duration = Duration::from_secs(45);
/// An answer is not longer than this.
const ANSWER_MAX: u64 = 64 << 10;

/// A share that is not mounted, or a mount that is not removed.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The server, or the kernel, does not let us.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The same of a server that nobody named.
    #[error("storage account '{account}' is not one of this host's, and not found elsewhere")]
    NotFound {
        /// Which.
        account: String,
        /// What came of looking elsewhere.
        #[source]
        source: Refusal,
    },
    /// The process that mounts cannot be started or talked with.
    #[error("run wharf smb-mount")]
    Run(#[source] io::Error),
    /// It took too long.
    #[error("mount error(110): Connection timed out: not mounted in {} s", PATIENCE.as_secs())]
    TooLong,
    /// Its place cannot be prepared or cleared.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The directory of a group's mounts cannot be listed or removed.
    #[error("clear {path}")]
    Clear {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The work was ended.
    #[error("mount the share")]
    Ended(#[source] JoinError),
}

impl MountError {
    /// The same, if nobody said that the account is where it was looked for.
    pub(crate) fn by_guess(self, is_configured: bool, account: &str) -> Self {
        match self {
            Self::Refused(source) if !is_configured => {
                Self::NotFound { account: account.to_owned(), source }
            }
            other => other,
        }
    }
}

/// All mounts of this installation.
#[derive(Clone, Debug)]
pub struct Mounts {
    layout: Layout,
    /// The `wharf` binary.
    program: Utf8PathBuf,
    /// By what shares are mounted.
    via: Via,
}

/// A process that is ended unless it has done what it was started for.
struct Attempt {
    child: Child,
    is_done: bool,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.is_done {
            // It has ended already, perhaps.
            drop(self.child.start_kill());
        }
    }
}

impl Mounts {
    /// `program` is run as `<program> smb-mount`.
    pub fn new(layout: Layout, program: Utf8PathBuf, via: Via) -> Self {
        Self { layout, program, via }
    }

    /// Mounts a share for a group, anew if it was; returns where. Calls `ended` when the process
    /// that serves it has ended.
    pub async fn mount(
        &self,
        id: &GroupId,
        name: &str,
        (wanted, location): (&AzureFile, Location),
        ended: impl FnOnce() + Send + 'static,
    ) -> Result<Utf8PathBuf, MountError> {
        let place = Place::at(self.layout.mounts_of(id).join(name));
        let made = place.clone();
        blocking(move || made.clear().and_then(|()| made.make())).await??;
        let mut attempt = self.start(&place)?;
        let wish = Wish {
            location,
            account: wanted.account.clone(),
            key: wanted.key.clone(),
            read_only: wanted.read_only,
            via: self.via,
        };
        let asked = timeout(PATIENCE, ask(&mut attempt.child, &wish)).await;
        let error = match asked.unwrap_or(Err(MountError::TooLong)) {
            Ok(Answer::Mounted(_)) => {
                attempt.is_done = true;
                tokio::spawn(async move {
                    drop(attempt.child.wait().await);
                    ended();
                });
                return Ok(place.root());
            }
            Ok(Answer::Refused(refusal)) => refusal.into(),
            Err(error) => error,
        };
        drop(attempt.child.kill().await);
        blocking(move || place.clear()).await??;
        Err(error)
    }

    fn start(&self, place: &Place) -> Result<Attempt, MountError> {
        let log = fs::File::create(place.log()).map_err(MountError::Run)?;
        let child = Command::new(&self.program)
            .arg("smb-mount")
            .current_dir(place.dir())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.into_file())
            .spawn()
            .map_err(MountError::Run)?;
        Ok(Attempt { child, is_done: false })
    }

    /// Whether what a link leads to can be used; `None`: it is no mount of ours. Never touches
    /// what is mounted.
    pub fn is_mounted(&self, root: &Utf8Path) -> Option<bool> {
        root.starts_with(self.layout.mounts())
            .then(|| Place::of_root(root).is_some_and(|place| place.is_mounted()))
    }

    /// Removes all mounts of a group, whoever uses them and whatever has become of their servers.
    pub async fn remove(&self, id: &GroupId) -> Result<(), MountError> {
        let path = self.layout.mounts_of(id);
        blocking(move || clear(&path)).await?
    }

    /// The groups that have mounts, or what is left of them.
    pub fn scan(&self) -> BTreeSet<GroupId> {
        let entries = self.layout.mounts().read_dir_utf8().into_iter().flatten().flatten();
        entries.filter_map(|entry| GroupId::parse(entry.file_name())).collect()
    }

    /// Mounts that somebody has served and nobody does any more, by the kernel's numbers for them.
    pub fn lost(&self) -> Vec<(GroupId, Vec<String>)> {
        let groups = self.scan();
        if groups.is_empty() {
            return Vec::new();
        }
        let mounted = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let lost_by = |id: GroupId| {
            let unserved = self.unserved(&id);
            let is_lost = |path: &str| unserved.iter().any(|place| place.root() == path);
            let found = devices(&mounted).filter(|(_, path)| is_lost(path));
            let found: Vec<String> = found.map(|(device, _)| device.to_owned()).collect();
            (!found.is_empty()).then_some((id, found))
        };
        groups.into_iter().filter_map(lost_by).collect()
    }

    /// Mounts of a group that nobody serves.
    pub fn unserved(&self, id: &GroupId) -> Vec<Place> {
        let entries = self.layout.mounts_of(id).read_dir_utf8().into_iter().flatten().flatten();
        let places = entries.map(|entry| Place::at(entry.into_path()));
        places.filter(|place| !place.is_mounted()).collect()
    }
}

/// Whether a process has one of these devices mounted.
pub(crate) fn sees_any(pid: u32, wanted: &[String]) -> bool {
    let mounted = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    devices(&mounted).any(|(device, _)| wanted.iter().any(|wanted| wanted == device))
}

/// The device and the place of each line of a `mountinfo`.
pub(crate) fn devices(mountinfo: &str) -> impl Iterator<Item = (&str, &str)> {
    mountinfo.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some((words.nth(2)?, words.nth(1)?))
    })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, MountError> {
    spawn_blocking(work).await.map_err(MountError::Ended)
}

fn clear(path: &Utf8Path) -> Result<(), MountError> {
    let failed = |source| MountError::Clear { path: path.to_owned(), source };
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        Place::at(path.join(name.to_string_lossy().as_ref())).clear()?;
    }
    fs::remove_dir(path).map_err(failed)
}

async fn ask(child: &mut Child, wish: &Wish) -> Result<Answer, MountError> {
    let broken = || MountError::Run(io::ErrorKind::BrokenPipe.into());
    let (mut stdin, stdout) =
        (child.stdin.take().ok_or_else(broken)?, child.stdout.take().ok_or_else(broken)?);
    let text = serde_json::to_vec(wish).map_err(|error| MountError::Run(error.into()))?;
    stdin.write_all(&text).await.map_err(MountError::Run)?;
    drop(stdin);
    let mut answer = Vec::new();
    stdout.take(ANSWER_MAX).read_to_end(&mut answer).await.map_err(MountError::Run)?;
    serde_json::from_slice(&answer).map_err(|error| MountError::Run(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_mountinfo_tell_device_and_place() {
        let line = "36 35 0:57 / /run/wharf/mounts/a/b/root rw - fuse.smb //nas/docs rw";
        let found: Vec<_> = devices(line).collect();
        assert_eq!(found, [("0:57", "/run/wharf/mounts/a/b/root")]);
    }
}
