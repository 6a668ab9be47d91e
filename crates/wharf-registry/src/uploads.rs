//! Blobs on their way in. Bytes are hashed as they come and written beside the blobs; a blob gets
//! its name when it is whole, has the right digest and is on the disk.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::digest::{Context, SHA256};
use axum::body::Body;
use futures::StreamExt as _;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use uuid::Uuid;

use crate::{
    durable,
    error::{Code, RegistryError},
    names::Digest,
    storage::{Repository, Storage},
};

/// How much is written and hashed at once.
const BATCH: usize = 1 << 20;

/// One upload: what it has, and the hash so far.
pub(crate) struct Upload {
    path: PathBuf,
    file: File,
    hash: Context,
    size: u64,
    is_over: bool,
}

/// An upload that nobody else goes on with in the meantime.
pub(crate) type Held = OwnedMutexGuard<Upload>;

/// Uploads under way, so that nothing has to be read again to be hashed.
#[derive(Default)]
pub(crate) struct Uploads(Mutex<HashMap<PathBuf, Arc<AsyncMutex<Upload>>>>);

impl Uploads {
    /// Begins an upload.
    pub(crate) fn begin(
        &self,
        storage: &Storage,
        repository: &Repository,
    ) -> Result<Uuid, RegistryError> {
        // So that the directory stays until something is in it.
        let _changing = storage.lock();
        let (id, directory) = (Uuid::new_v4(), repository.uploads());
        durable::make_directory(&directory)?;
        let path = directory.join(id.to_string());
        let file = OpenOptions::new().append(true).create_new(true).open(&path);
        let file = file.map_err(RegistryError::file("make", &path))?;
        self.keep(Upload { path, file, hash: Context::new(&SHA256), size: 0, is_over: false });
        Ok(id)
    }

    /// Takes hold of an upload, also of one that was begun before the daemon was.
    pub(crate) async fn hold(
        self: &Arc<Self>,
        repository: &Repository,
        id: Uuid,
    ) -> Result<Held, RegistryError> {
        let path = repository.uploads().join(id.to_string());
        let known = self.lock().get(&path).cloned();
        let upload = if let Some(known) = known {
            known
        } else {
            let uploads = Arc::clone(self);
            let found = tokio::task::spawn_blocking(move || reopen(&path)).await??;
            uploads.keep(found)
        };
        let held = upload.lock_owned().await;
        if held.is_over || !held.path.exists() {
            self.lock().remove(&held.path);
            return Err(unknown());
        }
        Ok(held)
    }

    fn keep(&self, upload: Upload) -> Arc<AsyncMutex<Upload>> {
        let path = upload.path.clone();
        let mut all = self.lock();
        Arc::clone(all.entry(path).or_insert_with(|| Arc::new(AsyncMutex::new(upload))))
    }

    /// Makes a blob of an upload that has this digest; ends it in any case.
    pub(crate) fn finish(
        &self,
        mut held: Held,
        (storage, repository): (&Storage, &Repository),
        wanted: &Digest,
    ) -> Result<(), RegistryError> {
        held.is_over = true;
        self.lock().remove(&held.path);
        let found = held.digest(wanted)?;
        if found != *wanted {
            durable::remove(&held.path)?;
            let message = format!("The content has the digest {found}, not {wanted}.");
            return Err(RegistryError::because(Code::DigestInvalid, message));
        }
        let target = repository.blob(wanted);
        held.file.sync_all().map_err(RegistryError::file("sync", &held.path))?;
        let Some(directory) = target.parent() else { return Ok(()) };
        {
            let _changing = storage.lock();
            durable::make_directory(directory)?;
            fs::rename(&held.path, &target).map_err(RegistryError::file("name", &target))?;
        }
        durable::sync(directory)
    }

    /// Ends an upload without a blob.
    pub(crate) fn cancel(&self, mut held: Held) -> Result<(), RegistryError> {
        held.is_over = true;
        self.lock().remove(&held.path);
        durable::remove(&held.path).map(drop)
    }

    /// Forgets uploads whose files were removed.
    pub(crate) fn forget_removed(&self) {
        self.lock().retain(|path, _| path.exists());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, Arc<AsyncMutex<Upload>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upload {
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Its digest, of the kind of another one. The usual kind is known, others are rare.
    fn digest(&self, like: &Digest) -> Result<Digest, RegistryError> {
        if like.algorithm() == &SHA256 {
            return Ok(Digest::of(&self.hash.clone().finish()));
        }
        let mut file = File::open(&self.path).map_err(RegistryError::file("open", &self.path))?;
        let (hash, _) = hash(&mut file, Context::new(like.algorithm()), &self.path)?;
        Ok(Digest::of(&hash.finish()))
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), RegistryError> {
        if let Err(error) = self.file.write_all(bytes) {
            // What was written of it does not count.
            drop(self.file.set_len(self.size));
            return Err(RegistryError::file("write", &self.path)(error));
        }
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }
}

/// Adds a body. What came before it broke off is kept.
pub(crate) async fn append(mut held: Held, body: Body) -> Result<Held, RegistryError> {
    let mut chunks = body.into_data_stream();
    let mut batch = Vec::new();
    loop {
        let chunk = chunks.next().await;
        let is_end = !matches!(chunk, Some(Ok(_)));
        if let Some(Ok(bytes)) = &chunk {
            batch.extend_from_slice(bytes);
        }
        if batch.len() >= BATCH || (is_end && !batch.is_empty()) {
            let work = move || held.add(&batch).map(|()| (held, batch));
            (held, batch) = tokio::task::spawn_blocking(work).await??;
            batch.clear();
        }
        match chunk {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(RegistryError::Body(error)),
            None => return Ok(held),
        }
    }
}

fn reopen(path: &Path) -> Result<Upload, RegistryError> {
    let opened = OpenOptions::new().read(true).append(true).open(path);
    let mut file = match opened {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(unknown()),
        opened => opened.map_err(RegistryError::file("open", path))?,
    };
    let (hash, size) = hash(&mut file, Context::new(&SHA256), path)?;
    Ok(Upload { path: path.to_owned(), file, hash, size, is_over: false })
}

/// Hashes the rest of a file; also its size.
fn hash(file: &mut File, mut hash: Context, path: &Path) -> Result<(Context, u64), RegistryError> {
    let (mut size, mut buffer) = (0, vec![0; BATCH]);
    loop {
        let count = file.read(&mut buffer).map_err(RegistryError::file("read", path))?;
        if count == 0 {
            return Ok((hash, size));
        }
        hash.update(&buffer[..count]);
        size += count as u64;
    }
}

fn unknown() -> RegistryError {
    RegistryError::because(Code::BlobUploadUnknown, "There is no such upload.")
}
