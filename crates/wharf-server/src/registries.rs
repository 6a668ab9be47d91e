//! The registries of this host: what they are is in the store, their images in directories.

mod judge;
mod local;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use camino::Utf8Path;
use wharf_arm::container_registry::REGISTRY;
use wharf_model::{Error, clock::Clock, error::chain};
use wharf_registry::{RegistryError, Service, Storage};
use wharf_store::Store;

use self::judge::Judge;
pub(crate) use self::local::Local;
use crate::identity::Identity;

/// Registries and their images together. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Registries {
    pub(crate) storage: Arc<Storage>,
    /// What login servers end with: `azurecr.<suffix>[:port]`.
    pub(crate) zone: String,
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Registries {
    pub(crate) fn open(
        root: &Utf8Path,
        store: Store,
        clock: Arc<dyn Clock>,
        zone: String,
    ) -> Result<Self, RegistryError> {
        let storage = Arc::new(Storage::open(root.as_std_path())?);
        Ok(Self { storage, zone, store, clock })
    }

    /// What answers requests for them.
    pub(crate) fn service(&self, identity: &Identity) -> Service {
        let judge = Judge { registries: self.clone(), identity: identity.clone() };
        Service::new(Arc::clone(&self.storage), Arc::new(judge))
    }

    /// Does what blocks where that holds nobody up.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Storage) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, Error> {
        let storage = Arc::clone(&self.storage);
        tokio::task::spawn_blocking(move || work(&storage))
            .await
            .map_err(|error| Error::internal(error.to_string()))?
            .map_err(|error| Error::internal(chain(&error)))
    }

    /// Removes what is kept for registries that are not there any more.
    pub(crate) async fn sweep(&self) -> Result<(), Error> {
        let store = self.store.clone();
        self.blocking(move |storage| {
            for name in storage.registries()? {
                // What cannot be looked up is kept.
                if let Ok(None) = store.unique_resource(REGISTRY, &name) {
                    storage.delete_registry(&name)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Removes uploads left alone and blobs that no manifest names, which takes long where much is kept.
    pub(crate) async fn collect(&self) -> Result<(), Error> {
        let now = self.clock.now().as_millisecond().try_into().unwrap_or_default();
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now);
        self.blocking(move |storage| {
            storage.sweep_uploads(now)?;
            storage.collect(now)
        })
        .await
    }
}
