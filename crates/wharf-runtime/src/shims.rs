//! The daemon's side of the shims: starting, asking, commanding and clearing them away.
//!
//! Nothing is remembered here. Whether a group has a shim is found out by connecting to its
//! socket; what a dead one knew, by reading its journal; what it left, by its directory and cgroup.

mod connection;
mod spawn;

use std::{
    io,
    os::fd::OwnedFd,
    sync::{Arc, OnceLock},
    time::Duration,
};

use camino::Utf8PathBuf;
use fs_err::tokio as fs;
use nix::sys::signal::Signal as Posix;
use tokio::{io::AsyncReadExt, task::JoinHandle, time::timeout};
use wharf_model::{ContainerName, GroupId, plan::EndSignal};
use wharf_shim::{
    journal::{self, JournalError},
    paths::Layout,
    protocol::{FrameError, Operation, Reply, Signal, Start},
    table::{Container, Table},
};

pub use self::spawn::EtcFiles;
use crate::cgroups::{self, CgroupsError};
pub(crate) use connection::Connection;

/// How long a shim may take to answer anything but a start.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a container may take to be made, or all of them to be killed.
const LONG_PATIENCE: Duration = Duration::from_mins(1);

/// What is found of a group's shim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing: no directory, no cgroup.
    Absent,
    /// It answers; this is what it says.
    Alive(Table),
    /// It is gone, or never got ready, but something of it remains; this is what its journal says.
    Dead(Table),
}

/// A conversation with a shim that failed.
#[derive(Debug, thiserror::Error)]
pub enum ShimError {
    /// Its directory or the files in it cannot be made.
    #[error("prepare {path}")]
    Prepare {
        /// The file or directory.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The program cannot be started.
    #[error("start shim program {program}")]
    Spawn {
        /// The program.
        program: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The shim ended before it was ready.
    #[error("shim of group {id} did not get ready: {reason}")]
    NotReady {
        /// Which group.
        id: GroupId,
        /// What it said.
        reason: String,
    },
    /// It cannot be reached.
    #[error("connect to shim of group {id}")]
    Connect {
        /// Which group.
        id: GroupId,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The connection broke.
    #[error("talk to shim of group {id}")]
    Talk {
        /// Which group.
        id: GroupId,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It said something that is not of the protocol.
    #[error("understand shim of group {id}")]
    Frame {
        /// Which group.
        id: GroupId,
        /// Why.
        #[source]
        source: FrameError,
    },
    /// It answered another question.
    #[error("shim of group {id} gave the wrong kind of answer")]
    WrongReply {
        /// Which group.
        id: GroupId,
    },
    /// It refused.
    #[error("shim of group {id} refused: {reason}")]
    Refused {
        /// Which group.
        id: GroupId,
        /// Why.
        reason: String,
    },
    /// It did not answer in time.
    #[error("shim of group {id} did not answer in {} s", after.as_secs())]
    TimedOut {
        /// Which group.
        id: GroupId,
        /// How long was waited.
        after: Duration,
    },
    /// Its journal cannot be read.
    #[error("read what the shim of group {id} left")]
    Journal {
        /// Which group.
        id: GroupId,
        /// Why.
        #[source]
        source: JournalError,
    },
    /// Its cgroup cannot be cleared.
    #[error("clear cgroup of group {id}")]
    Cgroups {
        /// Which group.
        id: GroupId,
        /// Why.
        #[source]
        source: CgroupsError,
    },
    /// Its files cannot be removed or listed.
    #[error("clear {path}")]
    Clear {
        /// The directory.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The shims of one installation.
#[derive(Clone, Debug)]
pub struct Shims {
    layout: Layout,
    program: Utf8PathBuf,
    sealed: Arc<OnceLock<OwnedFd>>,
}

impl Shims {
    /// `program` is run as `<program> shim …`: the `wharf` binary.
    pub fn new(layout: Layout, program: Utf8PathBuf) -> Self {
        Self { layout, program, sealed: Arc::default() }
    }

    /// Looks for the group's shim and asks it. Slow or silent shims are an error after some time.
    pub async fn state(&self, id: &GroupId) -> Result<Found, ShimError> {
        match self.connect(id).await {
            Ok(mut connection) => match connection.ask(Operation::State, PATIENCE).await {
                Ok(Reply::State { table, .. }) => Ok(Found::Alive(table)),
                Ok(_) => Err(ShimError::WrongReply { id: id.clone() }),
                // It ended while being asked.
                Err(ShimError::Talk { .. }) => self.leavings(id),
                Err(error) => Err(error),
            },
            Err(ShimError::Connect { source, .. }) if is_nobody(&source) => self.leavings(id),
            Err(error) => Err(error),
        }
    }

    fn leavings(&self, id: &GroupId) -> Result<Found, ShimError> {
        let sandbox = self.layout.sandbox(id);
        if !sandbox.dir().exists() && !cgroups::exists(&self.layout, id) {
            return Ok(Found::Absent);
        }
        let table = journal::read(&sandbox.journal())
            .map_err(|source| ShimError::Journal { id: id.clone(), source })?;
        Ok(Found::Dead(table))
    }

    /// Creates and starts a container. A start that was seen before is not done again; a start
    /// that fails is a run with an exit.
    pub async fn start(&self, id: &GroupId, start: Start) -> Result<Container, ShimError> {
        let operation = Operation::Start(Box::new(start));
        self.ask_for_container(id, operation, LONG_PATIENCE).await
    }

    /// Sends a signal to the first process of a container; nothing if it does not run.
    pub async fn signal(
        &self,
        id: &GroupId,
        name: &ContainerName,
        signal: EndSignal,
    ) -> Result<Container, ShimError> {
        let signal = match signal {
            EndSignal::Term => Signal::Term,
            EndSignal::Kill => Signal::Kill,
        };
        let operation = Operation::Signal { name: name.clone(), signal };
        self.ask_for_container(id, operation, PATIENCE).await
    }

    async fn ask_for_container(
        &self,
        id: &GroupId,
        operation: Operation,
        patience: Duration,
    ) -> Result<Container, ShimError> {
        match self.connect(id).await?.ask(operation, patience).await? {
            Reply::Container(container) => Ok(container),
            Reply::State { .. }
            | Reply::Done
            | Reply::Executing
            | Reply::Ended { .. }
            | Reply::NotRunning
            | Reply::Refused { .. } => Err(ShimError::WrongReply { id: id.clone() }),
        }
    }

    /// Forgets an ended container and removes its bundle and writable layer; nothing if there is
    /// no such container.
    pub async fn remove(&self, id: &GroupId, name: &ContainerName) -> Result<(), ShimError> {
        self.connect(id).await?.ask(Operation::Remove { name: name.clone() }, PATIENCE).await?;
        remove_tree(self.layout.sandbox(id).bundle(name)).await?;
        remove_tree(self.layout.storage(id).writable_layer(name)).await
    }

    /// Ends the group's shim and all its containers, alive, dead or hung, and removes its cgroups
    /// and `R/groups/<id>`; nothing if there is nothing.
    pub async fn shutdown_and_clean(&self, id: &GroupId) -> Result<(), ShimError> {
        // A shim that can be asked ends its containers in good order; whatever goes wrong here is
        // put right by force below.
        if let Ok(mut connection) = self.connect(id).await {
            drop(connection.ask(Operation::Shutdown, PATIENCE).await);
        }
        let directory = self.layout.sandbox(id).dir().to_owned();
        // A shim that was just being started enters its cgroup first and needs the directory
        // next. So: once the directory is gone, a cgroup that is still empty stays empty.
        loop {
            cgroups::clear(&self.layout, id)
                .await
                .map_err(|source| ShimError::Cgroups { id: id.clone(), source })?;
            remove_tree(directory.clone()).await?;
            if !cgroups::exists(&self.layout, id) {
                return Ok(());
            }
        }
    }

    /// The groups with a directory in the run directory, whatever state they are in.
    pub async fn scan(&self) -> Result<Vec<GroupId>, ShimError> {
        let path = self.layout.sandboxes();
        let failed = |source| ShimError::Clear { path: path.clone(), source };
        let mut entries = match fs::read_dir(&path).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found = Vec::new();
        while let Some(entry) = entries.next_entry().await.map_err(failed)? {
            found.extend(entry.file_name().to_str().and_then(GroupId::parse));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Calls `hint` at every start or exit in the group and once more when its shim has ended or
    /// could not be subscribed to; then the task ends.
    pub fn subscribe(
        &self,
        id: GroupId,
        hint: impl Fn(&GroupId) + Send + 'static,
    ) -> JoinHandle<()> {
        let shims = self.clone();
        tokio::spawn(async move {
            if let Ok(mut connection) = shims.connect(&id).await
                && matches!(connection.ask(Operation::Subscribe, PATIENCE).await, Ok(Reply::Done))
            {
                let mut bytes = [0; 64];
                while connection.stream().read(&mut bytes).await.is_ok_and(|count| count > 0) {
                    hint(&id);
                }
            }
            hint(&id);
        })
    }

    pub(crate) async fn connect(&self, id: &GroupId) -> Result<Connection, ShimError> {
        let opening = Connection::open(id, self.layout.sandbox(id));
        timeout(PATIENCE, opening)
            .await
            .map_err(|_| ShimError::TimedOut { id: id.clone(), after: PATIENCE })?
    }
}

/// Whether a failure to connect means that nobody listens, as opposed to somebody being busy.
fn is_nobody(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory
    )
}

async fn remove_tree(path: Utf8PathBuf) -> Result<(), ShimError> {
    match fs::remove_dir_all(&path).await {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(ShimError::Clear { path, source }),
    }
}

/// Whether the kernel would throw SIGTERM away: the process is the first of its PID namespace,
/// has no handler for it and does not wait for it either. `false` if the process is gone.
pub fn ignores_term(pid: u32) -> bool {
    let Ok(status) = fs_err::read_to_string(format!("/proc/{pid}/status")) else { return false };
    let mask = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(line.trim(), 16).ok()
    };
    let bit = 1_u64 << (Posix::SIGTERM as u32 - 1);
    let (Some(caught), Some(blocked)) = (mask("SigCgt:"), mask("SigBlk:")) else { return false };
    (caught | blocked) & bit == 0
}
