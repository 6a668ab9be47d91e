//! The share as a tree of files: what the kernel asks, in calls to the server.

mod handles;
mod names;

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, SystemTime},
};

use nix::libc;
use smb2::{DirectoryEntry, Error, FileTimes, FsInfo};
use tokio::time::timeout;

pub(crate) use self::handles::Handle;
use self::{handles::Handles, names::is_hidden};
use crate::{
    calls::{Access, Attributes, Opening, system_time},
    errors::Errno,
    nodes::{Nodes, ROOT},
    remote::{Live, Remote},
};

/// How long the mount's own directory may be asked for before what was last known is told.
const ROOT_PATIENCE: Duration = Duration::from_secs(2);

type Result<T> = std::result::Result<T, Errno>;

/// One entry of a directory.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) attributes: Attributes,
}

/// Times to set; nothing: as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) accessed: Option<SystemTime>,
    pub(crate) modified: Option<SystemTime>,
}

/// The share.
pub(crate) struct Tree {
    remote: Remote,
    /// The folder of the server's share that is mounted.
    folder: String,
    pub(crate) nodes: Nodes,
    handles: Handles,
    root: std::sync::Mutex<Attributes>,
    hidden: AtomicU64,
}

impl Tree {
    /// Connects and looks for the folder.
    pub(crate) async fn open(remote: Remote, folder: String) -> Result<Self> {
        let root = look(&remote, &folder).await?;
        if !root.is_directory {
            return Err(libc::ENOTDIR);
        }
        Ok(Self {
            remote,
            folder,
            nodes: Nodes::new(),
            handles: Handles::default(),
            root: std::sync::Mutex::new(root),
            hidden: AtomicU64::new(0),
        })
    }

    /// The path on the server's share; nothing is at a name that has been removed.
    fn full(&self, path: Option<String>) -> Result<String> {
        let path = path.ok_or(libc::ENOENT)?;
        Ok(match (self.folder.is_empty(), path.is_empty()) {
            (true, _) => path,
            (false, true) => self.folder.clone(),
            (false, false) => format!("{}/{path}", self.folder),
        })
    }

    fn path(&self, number: u64) -> Result<String> {
        self.full(self.nodes.path(number))
    }

    fn path_in(&self, parent: u64, name: &str) -> Result<String> {
        names::check(name)?;
        self.full(self.nodes.path_in(parent, name))
    }

    /// Looks for a name; what is found has to be forgotten again.
    pub(crate) async fn look_up(&self, parent: u64, name: &str) -> Result<(u64, Attributes)> {
        if is_hidden(name) {
            return Err(libc::ENOENT);
        }
        let found = look(&self.remote, &self.path_in(parent, name)?).await?;
        Ok((self.nodes.look_up(parent, name), found))
    }

    /// What is known of a file, by an open handle if there is one.
    pub(crate) async fn attributes(&self, number: u64, handle: Option<u64>) -> Result<Attributes> {
        if number == ROOT {
            return Ok(self.root_attributes().await);
        }
        let path = self.path(number);
        let handle = handle.and_then(|handle| self.handles.get(handle));
        match (handle.or_else(|| self.handles.of_node(number, false)), path) {
            // Only its handles lead to a file that was removed.
            (Some(handle), Err(_)) => self.attributes_of(&handle).await,
            (_, path) => look(&self.remote, &path?).await,
        }
    }

    /// Those of the mount's directory never fail: containers that start look at them, whatever has
    /// become of the server.
    async fn root_attributes(&self) -> Attributes {
        let asked = timeout(ROOT_PATIENCE, look(&self.remote, &self.folder)).await;
        let mut known = self.root.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Ok(Ok(found)) = asked {
            *known = found;
        }
        *known
    }

    async fn attributes_of(&self, handle: &Arc<Handle>) -> Result<Attributes> {
        self.by_handle(handle, |live, file| async move { live.attributes_of(file).await }).await
    }

    /// Opens a file that is there.
    pub(crate) async fn open_file(&self, number: u64, access: Access) -> Result<u64> {
        let path = self.path(number)?;
        let (handle, _) = self.open_at(number, &path, access, Opening::Existing).await?;
        Ok(handle)
    }

    /// Makes and opens a file.
    pub(crate) async fn create(
        &self,
        (parent, name): (u64, &str),
        access: Access,
        is_exclusive: bool,
    ) -> Result<(u64, Attributes, u64)> {
        if is_hidden(name) {
            return Err(libc::EPERM);
        }
        let path = self.path_in(parent, name)?;
        let how = if is_exclusive { Opening::MustCreate } else { Opening::MayCreate };
        let number = self.nodes.look_up(parent, name);
        match self.open_at(number, &path, access, how).await {
            Ok((handle, attributes)) => Ok((number, attributes, handle)),
            Err(error) => {
                self.nodes.forget(number, 1);
                Err(error)
            }
        }
    }

    /// Reads.
    pub(crate) async fn read(&self, handle: u64, offset: u64, length: u32) -> Result<Vec<u8>> {
        let handle = self.handles.get(handle).ok_or(libc::EBADF)?;
        let read =
            move |live: Arc<Live>, file| async move { live.read(file, offset, length).await };
        self.by_handle(&handle, read).await
    }

    /// Writes all of it.
    pub(crate) async fn write(&self, handle: u64, offset: u64, data: &[u8]) -> Result<()> {
        let handle = self.handles.get(handle).ok_or(libc::EBADF)?;
        let write = |live: Arc<Live>, file| async move { live.write(file, offset, data).await };
        self.by_handle(&handle, write).await?;
        handle.note_write();
        Ok(())
    }

    /// Has what was written put on the server's disk. What a lost session may have taken with it
    /// is told once.
    pub(crate) async fn sync(&self, handle: u64) -> Result<()> {
        let handle = self.handles.get(handle).ok_or(libc::EBADF)?;
        let before = handle.writes();
        self.by_handle(&handle, |live, file| async move { live.flush(file).await }).await?;
        handle.synced(before)
    }

    /// What closing one of a handle's descriptors tells: whether something was lost.
    pub(crate) fn check(&self, handle: u64) -> Result<()> {
        self.handles.get(handle).map_or(Ok(()), |handle| handle.take_loss())
    }

    /// Makes a file longer or shorter.
    pub(crate) async fn resize(&self, number: u64, handle: Option<u64>, size: u64) -> Result<()> {
        let given = handle.and_then(|handle| self.handles.get(handle)).filter(|h| h.may_write());
        let resize = move |live: Arc<Live>, file| async move { live.resize(file, size).await };
        if let Some(handle) = given.or_else(|| self.handles.of_node(number, true)) {
            self.by_handle(&handle, resize).await?;
            handle.note_write();
            return Ok(());
        }
        let path = self.path(number)?;
        let path = path.as_str();
        let set = |live: Arc<Live>| async move {
            let access = Access { reads: false, writes: true };
            let (file, _) = live.open(path, access, Opening::Existing).await?;
            let done = live.resize(file, size).await;
            live.close(file).await?;
            done
        };
        self.remote.call(true, set).await
    }

    /// Sets times, by an open handle if there is one that writes: the server would set others when
    /// it is closed.
    pub(crate) async fn set_times(&self, number: u64, times: Times) -> Result<()> {
        let mut wanted = FileTimes::new();
        wanted.accessed = times.accessed.map(Into::into);
        wanted.modified = times.modified.map(Into::into);
        if let Some(handle) = self.handles.of_node(number, true) {
            let set = move |live: Arc<Live>, file| async move {
                live.set_times(Some(file), "", wanted).await
            };
            return self.by_handle(&handle, set).await;
        }
        let path = self.path(number)?;
        let path = path.as_str();
        let set = |live: Arc<Live>| async move { live.set_times(None, path, wanted).await };
        self.remote.call(true, set).await
    }

    /// Everything in a directory.
    pub(crate) async fn list(&self, number: u64) -> Result<Vec<Entry>> {
        let path = self.path(number)?;
        let path = path.as_str();
        let list = |live: Arc<Live>| async move {
            live.tree.list_directory(&mut live.connection(), path).await
        };
        let found = self.remote.call(true, list).await?;
        Ok(found.into_iter().filter_map(entry).collect())
    }

    /// How much room there is.
    pub(crate) async fn room(&self) -> Result<FsInfo> {
        let ask = |live: Arc<Live>| async move { live.tree.fs_info(&mut live.connection()).await };
        self.remote.call(true, ask).await
    }
}

/// What is at a path of the server's share.
async fn look(remote: &Remote, path: &str) -> Result<Attributes> {
    remote.call(true, |live| async move { live.attributes(path).await }).await
}

/// An entry that has a name of a file. What servers may make of names is not trusted.
fn entry(found: DirectoryEntry) -> Option<Entry> {
    let modified = system_time(found.modified);
    let is_name = names::check(&found.name).is_ok() && !is_hidden(&found.name);
    let attributes = Attributes {
        is_directory: found.is_directory,
        is_read_only: found.attributes.is_readonly(),
        size: found.size,
        allocated: found.size,
        accessed: modified,
        modified,
        changed: system_time(found.changed),
    };
    is_name.then_some(Entry { name: found.name, attributes })
}

/// Ends a session's use of a file that could not be put to use.
async fn abandon(live: &Live, file: smb2::types::FileId) {
    let _closed_or_gone: std::result::Result<(), Error> = live.close(file).await;
}
