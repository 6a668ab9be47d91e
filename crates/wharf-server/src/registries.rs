//! The registries of this host: what they are is in the store, their images in directories.

mod judge;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use camino::Utf8Path;
use wharf_arm::container_registry::REGISTRY;
use wharf_image::{CertificateAuthority, RegistryConfig};
use wharf_model::{Error, clock::Clock, error::chain};
use wharf_registry::{RegistryError, Storage};
use wharf_store::Store;

pub(crate) use self::judge::Judge;

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

    /// Removes what is kept for registries that are not there any more, and uploads left alone.
    pub(crate) async fn sweep(&self) -> Result<(), Error> {
        let (store, now) = (self.store.clone(), self.clock.now());
        self.blocking(move |storage| {
            for name in storage.registries()? {
                // What cannot be looked up is kept.
                if let Ok(None) = store.unique_resource(REGISTRY, &name) {
                    storage.delete_registry(&name)?;
                }
            }
            let since = Duration::from_millis(now.as_millisecond().try_into().unwrap_or_default());
            storage.sweep_uploads(SystemTime::UNIX_EPOCH + since)
        })
        .await
    }
}

/// What the administrator says about registries, and that this host's own are spoken to over TLS
/// with its own certificate authority.
pub(crate) fn believed(
    given: &RegistryConfig,
    own: Option<SocketAddr>,
    authority: &Utf8Path,
) -> RegistryConfig {
    let mut config = given.clone();
    let Some(own) = own else { return config };
    let names =
        [own.to_string(), format!("127.0.0.1:{}", own.port()), format!("localhost:{}", own.port())];
    config.authorities.extend(
        names.map(|registry| CertificateAuthority { registry, file: authority.to_owned() }),
    );
    config
}
