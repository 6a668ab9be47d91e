//! Open files. A handle outlives the session it was opened in: it is opened anew in the next one,
//! if the same file is still there.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use nix::libc;
use smb2::{Error, types::FileId};
use tokio::sync::watch;

use super::{Result, Tree, abandon};
use crate::{
    calls::{Access, Attributes, Opening},
    errors::Errno,
    remote::Live,
};

/// A file as it is open in one session.
#[derive(Clone, Copy, Debug)]
struct Opened {
    file: FileId,
    /// The session's number.
    session: u64,
}

/// One open file.
#[derive(Debug)]
pub(crate) struct Handle {
    node: u64,
    access: Access,
    /// What the server tells files apart by.
    identity: u64,
    opened: tokio::sync::Mutex<Opened>,
    /// How many writes there were, and how many when it was last known that none is lost.
    writes: AtomicU64,
    safe: AtomicU64,
    has_lost: AtomicBool,
    /// Whether nobody uses it any more.
    is_released: AtomicBool,
    /// Whether it has been closed.
    is_closed: watch::Sender<bool>,
}

impl Handle {
    pub(crate) fn may_write(&self) -> bool {
        self.access.writes
    }

    /// Something has been written.
    pub(super) fn note_write(&self) {
        self.writes.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    /// All up to a number of writes is on the server's disk, if nothing was lost before.
    pub(super) fn synced(&self, writes: u64) -> Result<()> {
        self.safe.fetch_max(writes, Ordering::SeqCst);
        self.take_loss()
    }

    /// An error, once, if writes may have been lost with a session.
    pub(super) fn take_loss(&self) -> Result<()> {
        if self.has_lost.swap(false, Ordering::SeqCst) { Err(libc::EIO) } else { Ok(()) }
    }
}

/// All open files.
#[derive(Debug, Default)]
pub(super) struct Handles {
    open: Mutex<HashMap<u64, Arc<Handle>>>,
    last: AtomicU64,
}

impl Handles {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Handle>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, number: u64) -> Option<Arc<Handle>> {
        self.lock().get(&number).cloned()
    }

    /// Some open handle of a file.
    pub(super) fn of_node(&self, node: u64, writes: bool) -> Option<Arc<Handle>> {
        let open = self.lock();
        let fits = |handle: &&Arc<Handle>| {
            handle.node == node
                && (handle.may_write() || !writes)
                && !handle.is_released.load(Ordering::SeqCst)
        };
        open.values().find(fits).cloned()
    }

    /// Waits until all that nobody uses any more is closed; a file keeps its name until then.
    pub(super) async fn settle(&self, node: u64) {
        let is_closing = |handle: &&Arc<Handle>| {
            handle.node == node && handle.is_released.load(Ordering::SeqCst)
        };
        let closing: Vec<_> = self.lock().values().filter(is_closing).cloned().collect();
        for handle in closing {
            let mut is_closed = handle.is_closed.subscribe();
            let _closed_or_dropped = is_closed.wait_for(|is_closed| *is_closed).await;
        }
    }

    fn add(&self, handle: Handle) -> u64 {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.lock().insert(number, Arc::new(handle));
        number
    }
}

impl Tree {
    pub(super) async fn open_at(
        &self,
        node: u64,
        path: &str,
        access: Access,
        how: Opening,
    ) -> Result<(u64, Attributes)> {
        let open = |live: Arc<Live>| async move {
            let (file, attributes) = live.open(path, access, how).await?;
            match live.identity(file).await {
                Ok(identity) => Ok((live.number, file, identity, attributes)),
                Err(error) => {
                    abandon(&live, file).await;
                    Err(error)
                }
            }
        };
        let may_repeat = how != Opening::MustCreate;
        let (session, file, identity, attributes) = self.remote.call(may_repeat, open).await?;
        let handle = self.handles.add(Handle {
            node,
            access,
            identity,
            opened: tokio::sync::Mutex::new(Opened { file, session }),
            writes: AtomicU64::new(0),
            safe: AtomicU64::new(0),
            has_lost: AtomicBool::new(false),
            is_released: AtomicBool::new(false),
            is_closed: watch::Sender::new(false),
        });
        Ok((handle, attributes))
    }

    /// Does something with an open file, in the present session.
    pub(super) async fn by_handle<T, F>(
        &self,
        handle: &Arc<Handle>,
        what: impl Fn(Arc<Live>, FileId) -> F + Send + Sync,
    ) -> Result<T>
    where
        F: Future<Output = std::result::Result<T, Error>> + Send,
        T: Send,
    {
        let path = self.path(handle.node).ok();
        let (path, what) = (path.as_deref(), &what);
        let done = self.remote.call(true, |live| async move {
            match self.current(handle, &live, path).await? {
                Ok(file) => Ok(Ok(what(live, file).await?)),
                Err(errno) => Ok(Err(errno)),
            }
        });
        done.await?
    }

    /// The file as it is open in a session; the inner error is that it is not there any more.
    async fn current(
        &self,
        handle: &Handle,
        live: &Live,
        path: Option<&str>,
    ) -> std::result::Result<std::result::Result<FileId, Errno>, Error> {
        let mut opened = handle.opened.lock().await;
        if opened.session == live.number {
            return Ok(Ok(opened.file));
        }
        // The server has let go of it, with all that was not yet on its disk.
        if handle.writes() > handle.safe.load(Ordering::SeqCst) {
            handle.safe.store(handle.writes(), Ordering::SeqCst);
            handle.has_lost.store(true, Ordering::SeqCst);
        }
        let Some(path) = path else { return Ok(Err(libc::ESTALE)) };
        let (file, _) = match live.open(path, handle.access, Opening::Existing).await {
            Ok(opened) => opened,
            Err(error) if crate::errors::errno(&error) == libc::ENOENT => {
                return Ok(Err(libc::ESTALE));
            }
            Err(error) => return Err(error),
        };
        if live.identity(file).await? != handle.identity {
            abandon(live, file).await;
            return Ok(Err(libc::ESTALE));
        }
        *opened = Opened { file, session: live.number };
        Ok(Ok(file))
    }

    /// A handle is not used any more; it is still to be closed.
    pub(crate) fn release(&self, number: u64) {
        if let Some(handle) = self.handles.get(number) {
            handle.is_released.store(true, Ordering::SeqCst);
        }
    }

    /// Closes a handle.
    pub(crate) async fn close(&self, number: u64) {
        let Some(handle) = self.handles.get(number) else { return };
        let opened = *handle.opened.lock().await;
        let close = self.remote.call(false, |live| async move {
            // Another session has not opened it.
            if live.number == opened.session { live.close(opened.file).await } else { Ok(()) }
        });
        // What cannot be closed has been closed by the server.
        let _closed_or_gone: Result<()> = close.await;
        self.handles.lock().remove(&number);
        handle.is_closed.send_replace(true);
    }
}
