//! What is there before images are, since they also come from this host's own registries and are
//! pulled with its identities. Whoever connects by now is answered when all is up.

use std::sync::Arc;

use tokio::net::TcpListener;
use wharf_image::RegistryConfig;
use wharf_model::clock::Clock;
use wharf_store::Store;

use super::{
    ServeError,
    listening::{bind, reached},
    settings::identity,
};
use crate::{
    config::Config,
    identity::Identity,
    images::RegistryTokens,
    names,
    registries::{Local, Registries},
};

pub(super) struct Early {
    pub(super) tcp: TcpListener,
    pub(super) identity: Identity,
    pub(super) registries: Registries,
}

impl Early {
    pub(super) async fn start(
        config: &Config,
        store: &Store,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, ServeError> {
        let tcp = bind(config.listen).await?;
        let identity = identity(config, store, clock)?;
        let (root, port) = (config.data_dir.join("registry"), reached(&tcp, config).port());
        let zone = format!("{}:{port}", zone(config));
        let registries = Registries::open(&root, store.clone(), Arc::clone(clock), zone)?;
        Ok(Self { tcp, identity, registries })
    }

    /// What images come from, this host included.
    pub(super) fn sources(&self, config: &Config, store: &Store) -> RegistryConfig {
        let (store, identity) = (store.clone(), self.identity.clone());
        let own = reached(&self.tcp, config);
        let local = Local::new(&self.registries, &self.identity, own, zone(config));
        RegistryConfig {
            identities: Some(Arc::new(RegistryTokens { store, identity })),
            local: Some(Arc::new(local)),
            ..config.registries.clone()
        }
    }
}

fn zone(config: &Config) -> String {
    format!("{}.{}", names::REGISTRIES, names::suffix(&config.dns_suffix))
}
