//! What is read by this very program, with the same rights as through a connection and without one.

use std::{fs::File, io, sync::Arc};

use uuid::Uuid;

use super::{
    Service, Target,
    door::{Caller, Door, Need},
};
use crate::{
    access::{Action, Credential, Who},
    error::{Code, RegistryError},
    names::{Digest, Reference},
    storage::{Repository, Storage},
};

/// Somebody who wants to pull.
#[derive(Clone)]
pub enum Puller {
    /// Who shows this.
    Password {
        /// The user name.
        user: String,
        /// The password.
        password: String,
    },
    /// Who is known already.
    Principal(Uuid),
}

impl std::fmt::Debug for Puller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<puller>")
    }
}

/// A repository that somebody may pull from.
#[derive(Clone, Debug)]
pub struct Opened {
    storage: Arc<Storage>,
    repository: Repository,
}

impl Service {
    /// Opens a repository, named as clients name it; `None` for who may not pull from it.
    pub async fn open(
        &self,
        target: Target,
        repository: &str,
        puller: Puller,
    ) -> Result<Option<Opened>, RegistryError> {
        let door = Door { target, host: String::new() };
        let caller = match puller {
            Puller::Principal(id) => Some(Caller::known(Who::Principal(id))),
            Puller::Password { user, password } => {
                let user = user.to_ascii_lowercase();
                self.caller(&door, Credential::Password { user, password }).await?
            }
        };
        let named = match &door.target {
            Target::Named(registry) => Some((registry.as_str(), repository)),
            Target::InPath => repository.split_once('/'),
        };
        let (Some(caller), Some((registry, name))) = (caller, named) else { return Ok(None) };
        let need = Need { repository: Some(name.to_owned()), actions: &[Action::Pull] };
        match self.admit(&caller, registry, (Some(&need), "")).await {
            Err(error) if matches!(error.code(), Code::Unauthorized | Code::Denied) => Ok(None),
            Err(error) => Err(error),
            Ok(_) => {
                let repository = self.storage.repository(registry, name)?;
                Ok(Some(Opened { storage: Arc::clone(&self.storage), repository }))
            }
        }
    }
}

impl Opened {
    /// The manifest of a tag or digest. Blocks.
    pub fn manifest(&self, reference: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        let Ok(reference) = Reference::parse(reference) else { return Ok(None) };
        match self.repository.manifest(&reference) {
            Err(error) if error.code() == Code::ManifestUnknown => Ok(None),
            found => {
                let bytes = found?.bytes;
                self.repository.renew_parts(&self.storage, &bytes)?;
                Ok(Some(bytes))
            }
        }
    }

    /// A blob, which stays readable as long as it is open, even if it is deleted. Blocks.
    pub fn blob(&self, digest: &str) -> Result<Option<File>, RegistryError> {
        let Ok(digest) = Digest::parse(digest) else { return Ok(None) };
        let path = self.repository.blob(&digest);
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some).map_err(RegistryError::file("read", path)),
        }
    }
}
