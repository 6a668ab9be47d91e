//! What the kernel asks by FUSE, answered by the tree. Each question is a task of its own: one that
//! waits for the server holds up no other.

mod terms;

use std::{
    collections::HashMap,
    ffi::OsStr,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use fuser::{
    FileHandle, Filesystem, FopenFlags, INodeNo, InitFlags, KernelConfig, LockOwner, OpenFlags,
    RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use nix::libc;
use tokio::runtime::Handle as Runtime;

use self::terms::{
    BLOCK, FRESH, GENERATION, access, attr, empty, entry, error, kind, moment, skip, text,
};
use crate::{
    calls::Access,
    errors::Errno,
    nodes::ROOT,
    tree::{Entry, Times, Tree},
};

/// What the kernel reads or writes at once, at most.
const TRANSFER_MAX: u32 = 1 << 20;

/// The file system of one mount.
pub(crate) struct Share {
    tree: Arc<Tree>,
    runtime: Runtime,
    /// What open directories hold, as it was when they were read from the start.
    listings: Arc<Mutex<HashMap<u64, Arc<Vec<Entry>>>>>,
    last_listing: AtomicU64,
}

impl Share {
    pub(crate) fn new(tree: Tree, runtime: Runtime) -> Self {
        let tree = Arc::new(tree);
        Self { tree, runtime, listings: Arc::default(), last_listing: AtomicU64::new(0) }
    }

    /// Answers a question in a task of its own.
    fn spawn<F: Future<Output = ()> + Send + 'static>(&self, answer: impl FnOnce(Arc<Tree>) -> F) {
        self.runtime.spawn(answer(Arc::clone(&self.tree)));
    }

    /// Tells of what a directory holds from an offset on, until there is no more room.
    async fn list(
        tree: &Tree,
        listings: &Mutex<HashMap<u64, Arc<Vec<Entry>>>>,
        (number, handle, offset): (u64, u64, u64),
        mut is_full_with: impl FnMut(u64, &Entry) -> bool,
    ) -> Result<(), Errno> {
        let listing = Self::listing(tree, listings, (number, handle, offset)).await?;
        for (at, entry) in (1_u64..).zip(listing.iter()).skip(skip(offset)) {
            if is_full_with(at, entry) {
                break;
            }
        }
        Ok(())
    }

    /// A listing as it was read when reading began; anew at the start.
    async fn listing(
        tree: &Tree,
        listings: &Mutex<HashMap<u64, Arc<Vec<Entry>>>>,
        (number, handle, offset): (u64, u64, u64),
    ) -> Result<Arc<Vec<Entry>>, Errno> {
        let lock = || listings.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&handle).filter(|_| offset > 0).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = Arc::new(tree.list(number).await?);
        lock().insert(handle, Arc::clone(&found));
        Ok(found)
    }
}

impl Filesystem for Share {
    fn init(&mut self, _req: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // What is too much is answered with what there is at most.
        let _at_most = config.set_max_write(TRANSFER_MAX);
        let _at_most = config.set_max_readahead(TRANSFER_MAX);
        let _at_most = config.set_max_background(64);
        let wanted = InitFlags::FUSE_PARALLEL_DIROPS
            | InitFlags::FUSE_AUTO_INVAL_DATA
            | InitFlags::FUSE_DO_READDIRPLUS
            | InitFlags::FUSE_READDIRPLUS_AUTO
            | InitFlags::FUSE_ALLOW_IDMAP;
        let offered = wanted & config.capabilities();
        let _what_is_not_offered = config.add_capabilities(offered);
        Ok(())
    }

    fn lookup(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let name = text(name);
        self.spawn(|tree| async move {
            let found = async { tree.look_up(parent.0, &name?).await }.await;
            entry(reply, found);
        });
    }

    fn forget(&self, _req: &Request, number: INodeNo, lookups: u64) {
        self.tree.nodes.forget(number.0, lookups);
    }

    fn getattr(&self, _req: &Request, number: INodeNo, fh: Option<FileHandle>, reply: ReplyAttr) {
        self.spawn(|tree| async move {
            match tree.attributes(number.0, fh.map(|fh| fh.0)).await {
                Ok(known) => reply.attr(&FRESH, &attr(number.0, &known)),
                Err(errno) => reply.error(error(errno)),
            }
        });
    }

    /// Modes and owners are taken and not kept, as by the kernel's own client.
    fn setattr(
        &self,
        _req: &Request,
        number: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        accessed: Option<TimeOrNow>,
        modified: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let times = Times { accessed: moment(accessed), modified: moment(modified) };
        let handle = fh.map(|fh| fh.0);
        self.spawn(|tree| async move {
            let set = async {
                if let Some(size) = size {
                    tree.resize(number.0, handle, size).await?;
                }
                if times.accessed.is_some() || times.modified.is_some() {
                    tree.set_times(number.0, times).await?;
                }
                tree.attributes(number.0, handle).await
            };
            match set.await {
                Ok(known) => reply.attr(&FRESH, &attr(number.0, &known)),
                Err(errno) => reply.error(error(errno)),
            }
        });
    }

    fn mknod(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _rdev: u32,
        reply: ReplyEntry,
    ) {
        let name = text(name);
        self.spawn(|tree| async move {
            let make = async {
                if mode & libc::S_IFMT != libc::S_IFREG {
                    return Err(libc::EPERM);
                }
                let access = Access { reads: false, writes: true };
                let (number, known, handle) = tree.create((parent.0, &name?), access, true).await?;
                tree.close(handle).await;
                Ok((number, known))
            };
            entry(reply, make.await);
        });
    }

    fn mkdir(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        let name = text(name);
        self.spawn(|tree| async move {
            let made = async { tree.make_directory(parent.0, &name?).await }.await;
            entry(reply, made);
        });
    }

    fn unlink(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let name = text(name);
        self.spawn(|tree| async move {
            let removed = async { tree.remove_file(parent.0, &name?).await }.await;
            empty(reply, removed);
        });
    }

    fn rmdir(&self, _req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let name = text(name);
        self.spawn(|tree| async move {
            let removed = async { tree.remove_directory(parent.0, &name?).await }.await;
            empty(reply, removed);
        });
    }

    fn rename(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let (name, new_name) = (text(name), text(new_name));
        self.spawn(|tree| async move {
            let rename = async {
                if flags.contains(RenameFlags::RENAME_EXCHANGE) {
                    return Err(libc::EINVAL);
                }
                let may_replace = !flags.contains(RenameFlags::RENAME_NOREPLACE);
                let (name, new_name) = (name?, new_name?);
                tree.rename((parent.0, &name), (new_parent.0, &new_name), may_replace).await
            };
            empty(reply, rename.await);
        });
    }

    fn open(&self, _req: &Request, number: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        self.spawn(|tree| async move {
            match tree.open_file(number.0, access(flags.acc_mode())).await {
                Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
                Err(errno) => reply.error(error(errno)),
            }
        });
    }

    fn create(
        &self,
        _req: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let name = text(name);
        let access = access(OpenFlags(flags).acc_mode());
        let is_exclusive = flags & libc::O_EXCL != 0;
        self.spawn(|tree| async move {
            let made = async { tree.create((parent.0, &name?), access, is_exclusive).await }.await;
            match made {
                Ok((number, known, handle)) => {
                    let (known, flags) = (attr(number, &known), FopenFlags::empty());
                    reply.created(&FRESH, &known, GENERATION, FileHandle(handle), flags);
                }
                Err(errno) => reply.error(error(errno)),
            }
        });
    }

    fn read(
        &self,
        _req: &Request,
        _number: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.spawn(|tree| async move {
            match tree.read(fh.0, offset, size).await {
                Ok(data) => reply.data(&data),
                Err(errno) => reply.error(error(errno)),
            }
        });
    }

    fn write(
        &self,
        _req: &Request,
        _number: INodeNo,
        fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let data = data.to_vec();
        self.spawn(|tree| async move {
            let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
            match tree.write(fh.0, offset, &data).await {
                Ok(()) => reply.written(length),
                Err(errno) => reply.error(error(errno)),
            }
        });
    }

    fn flush(
        &self,
        _req: &Request,
        _number: INodeNo,
        fh: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        empty(reply, self.tree.check(fh.0));
    }

    fn fsync(
        &self,
        _req: &Request,
        _number: INodeNo,
        fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        self.spawn(|tree| async move { empty(reply, tree.sync(fh.0).await) });
    }

    fn release(
        &self,
        _req: &Request,
        _number: INodeNo,
        fh: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.tree.release(fh.0);
        self.spawn(|tree| async move {
            tree.close(fh.0).await;
            reply.ok();
        });
    }

    fn opendir(&self, _req: &Request, _number: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        let handle = self.last_listing.fetch_add(1, Ordering::Relaxed) + 1;
        reply.opened(FileHandle(handle), FopenFlags::empty());
    }

    fn releasedir(
        &self,
        _req: &Request,
        _number: INodeNo,
        fh: FileHandle,
        _flags: OpenFlags,
        reply: ReplyEmpty,
    ) {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner).remove(&fh.0);
        reply.ok();
    }

    fn readdir(
        &self,
        _req: &Request,
        number: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let listings = Arc::clone(&self.listings);
        self.spawn(|tree| async move {
            let of = (number.0, fh.0, offset);
            let told = Self::list(&tree, &listings, of, |at, entry| {
                // Numbers are given to what is looked up; here any will do but zero.
                let known = tree.nodes.find(number.0, &entry.name).unwrap_or(u64::MAX);
                reply.add(INodeNo(known), at, kind(&entry.attributes), &entry.name)
            });
            match told.await {
                Ok(()) => reply.ok(),
                Err(errno) => reply.error(error(errno)),
            }
        });
    }

    fn readdirplus(
        &self,
        _req: &Request,
        number: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let listings = Arc::clone(&self.listings);
        self.spawn(|tree| async move {
            let of = (number.0, fh.0, offset);
            let told = Self::list(&tree, &listings, of, |at, entry| {
                let child = tree.nodes.look_up(number.0, &entry.name);
                let known = attr(child, &entry.attributes);
                let is_full =
                    reply.add(INodeNo(child), at, &entry.name, &FRESH, &known, GENERATION);
                if is_full {
                    tree.nodes.forget(child, 1);
                }
                is_full
            });
            match told.await {
                Ok(()) => reply.ok(),
                Err(errno) => reply.error(error(errno)),
            }
        });
    }

    fn fsyncdir(
        &self,
        _req: &Request,
        _number: INodeNo,
        _fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        // What the server has acknowledged is all there is to be had.
        reply.ok();
    }

    fn statfs(&self, _req: &Request, _number: INodeNo, reply: ReplyStatfs) {
        self.spawn(|tree| async move {
            match tree.room().await {
                Ok(room) => {
                    let block = u64::from(BLOCK);
                    let [all, free, available] =
                        [room.total_bytes, room.total_free_bytes, room.free_bytes]
                            .map(|bytes| bytes / block);
                    reply.statfs(all, free, available, 0, 0, BLOCK, 255, BLOCK);
                }
                Err(errno) => reply.error(error(errno)),
            }
        });
    }
}

const _: () = assert!(ROOT == 1, "the kernel's number of the mount's directory");
