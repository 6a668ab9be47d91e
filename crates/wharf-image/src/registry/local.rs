//! Registries that are on this very host: their content is read where it is, with no connection
//! and no copy on the way.

use std::{
    error::Error,
    fmt,
    fs::File,
    io::{self, Read},
    sync::{Arc, atomic::Ordering},
};

use futures::future::BoxFuture;
use reqwest::StatusCode;
use tokio::sync::OnceCell;

use super::{
    Counter, Login, RegistryError,
    blob::Failure,
    exchange::{Ask, Kind},
};
use crate::store::lock;

/// Whoever keeps registries on this host.
pub trait LocalRegistries: fmt::Debug + Send + Sync {
    /// Whether a name (`host[:port]`) is one that only registries of this host have.
    fn has(&self, registry: &str) -> bool;

    /// A repository, for who may pull from it.
    fn open<'a>(
        &'a self,
        registry: &'a str,
        repository: &'a str,
        login: &'a Login,
    ) -> BoxFuture<'a, Result<Arc<dyn LocalRepository>, LocalError>>;
}

/// What is in a repository of this host.
pub trait LocalRepository: fmt::Debug + Send + Sync {
    /// The manifest of a tag or digest. Called on a thread that may block.
    fn manifest(&self, reference: &str) -> Result<Option<Vec<u8>>, Box<dyn Error + Send + Sync>>;

    /// A blob, to be read from its beginning. Called on a thread that may block.
    fn blob(&self, digest: &str) -> Result<Option<File>, Box<dyn Error + Send + Sync>>;
}

/// Why a repository is not opened.
#[derive(Debug)]
pub enum LocalError {
    /// What is shown is nobody's, or of nobody who may pull.
    Denied,
    /// It could not be looked up.
    Failed(Box<dyn Error + Send + Sync>),
}

/// A repository of this host, and who wants to pull from it.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) registries: Arc<dyn LocalRegistries>,
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) login: Option<Login>,
    pub(super) opened: OnceCell<Arc<dyn LocalRepository>>,
}

impl Local {
    async fn open(&self) -> Result<&Arc<dyn LocalRepository>, RegistryError> {
        let login = self.login.as_ref().ok_or(RegistryError::NoCredential)?;
        let open = || async {
            let opened = self.registries.open(&self.registry, &self.repository, login).await;
            opened.map_err(|error| match (error, login) {
                (LocalError::Denied, Login::Password { .. }) => {
                    RegistryError::Denied { status: StatusCode::UNAUTHORIZED }
                }
                (LocalError::Denied, Login::Identity { id, .. }) => {
                    RegistryError::NoRole { id: id.clone() }
                }
                (LocalError::Failed(source), _) => RegistryError::Local(source),
            })
        };
        self.opened.get_or_try_init(open).await
    }

    /// A whole small document.
    pub(super) async fn document(&self, ask: &Ask, max: u64) -> Result<Vec<u8>, RegistryError> {
        let repository = Arc::clone(self.open().await?);
        let Ask { kind, name, .. } = ask.clone();
        let read = move || {
            let found = match kind {
                Kind::Manifest => repository.manifest(&name).map_err(RegistryError::Local)?,
                Kind::Blob => {
                    let file = repository.blob(&name).map_err(RegistryError::Local)?;
                    file.map(|file| small(file, max)).transpose()?
                }
            };
            let found = found.ok_or(RegistryError::NotFound)?;
            if found.len() as u64 > max {
                return Err(RegistryError::TooLarge { max });
            }
            Ok(found)
        };
        let done = tokio::task::spawn_blocking(read).await;
        done.map_err(|error| RegistryError::Local(error.into()))?
    }

    /// A blob that is read when its bytes are.
    pub(super) fn blob(&self, digest: &str, size: u64, counter: Counter) -> LocalBlob {
        let repository = self.opened.get().cloned();
        LocalBlob { repository, digest: digest.to_owned(), size, counter, file: None }
    }
}

fn small(file: File, max: u64) -> Result<Vec<u8>, RegistryError> {
    let mut bytes = Vec::new();
    let read = file.take(max + 1).read_to_end(&mut bytes);
    read.map_err(|error| RegistryError::Local(error.into()))?;
    Ok(bytes)
}

/// The bytes of a blob of this host.
#[derive(Debug)]
pub(super) struct LocalBlob {
    repository: Option<Arc<dyn LocalRepository>>,
    digest: String,
    size: u64,
    counter: Counter,
    file: Option<File>,
}

impl LocalBlob {
    fn open(&self) -> Result<File, RegistryError> {
        let repository = self.repository.as_ref().ok_or(RegistryError::NoEndpoint)?;
        let file = repository.blob(&self.digest).map_err(RegistryError::Local)?;
        let file = file.ok_or(RegistryError::NotFound)?;
        let found = file.metadata().map_err(|error| RegistryError::Local(error.into()))?.len();
        if found == self.size {
            return Ok(file);
        }
        Err(RegistryError::Length { found, size: self.size })
    }

    pub(super) fn read(&mut self, buffer: &mut [u8], failure: &Failure) -> io::Result<usize> {
        if self.file.is_none() {
            match self.open() {
                Ok(file) => self.file = Some(file),
                Err(error) => {
                    *lock(failure) = Some(error);
                    return Err(io::Error::other("the blob cannot be read"));
                }
            }
        }
        let count = self.file.as_mut().map_or(Ok(0), |file| file.read(buffer))?;
        self.counter.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
