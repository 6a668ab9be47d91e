//! Images of this host's own registries, for groups of this host.

use std::{error::Error as StdError, fs::File, net::SocketAddr, sync::Arc};

use futures::{FutureExt as _, future::BoxFuture};
use uuid::Uuid;
use wharf_image::{LocalError, LocalRegistries, LocalRepository, Login};
use wharf_registry::{Opened, Puller, Service, Target};

use super::Registries;
use crate::{identity::Identity, names};

/// The names that only this host's registries have.
#[derive(Clone, Debug)]
struct Names {
    /// What login servers end with, without a port: `azurecr.<suffix>`.
    zone: String,
    port: u16,
    /// Hosts at which the registry is named by the path.
    addresses: Vec<String>,
}

impl Names {
    fn new(own: SocketAddr, zone: String) -> Self {
        let port = own.port();
        let local = ["127.0.0.1", "localhost"].map(|host| format!("{host}:{port}"));
        Self { zone, port, addresses: [&local[..], &[own.to_string()]].concat() }
    }

    /// What a name says about which registry is meant.
    fn target(&self, name: &str) -> Option<Target> {
        let name = name.to_ascii_lowercase();
        if self.addresses.contains(&name) {
            return Some(Target::InPath);
        }
        let host = match name.rsplit_once(':') {
            Some((host, port)) if port.parse() == Ok(self.port) => host,
            Some(_) => return None,
            None => &name,
        };
        names::before(&self.zone, host).map(Target::Named)
    }
}

/// Whoever opens them.
#[derive(Debug)]
pub(crate) struct Local {
    names: Names,
    service: Service,
}

impl Local {
    /// `own` is where the daemon answers, `zone` what its login servers end with.
    pub(crate) fn new(
        registries: &Registries,
        identity: &Identity,
        own: SocketAddr,
        zone: String,
    ) -> Self {
        Self { names: Names::new(own, zone), service: registries.service(identity) }
    }
}

#[derive(Debug)]
struct Repository(Opened);

impl LocalRegistries for Local {
    fn has(&self, registry: &str) -> bool {
        self.names.target(registry).is_some()
    }

    fn open<'a>(
        &'a self,
        registry: &'a str,
        repository: &'a str,
        login: &'a Login,
    ) -> BoxFuture<'a, Result<Arc<dyn LocalRepository>, LocalError>> {
        async move {
            let target = self.names.target(registry).ok_or(LocalError::Denied)?;
            let puller = match login {
                Login::Password { username, password } => {
                    Puller::Password { user: username.clone(), password: password.clone() }
                }
                Login::Identity { principal, .. } => {
                    let id = Uuid::parse_str(principal).map_err(|_| LocalError::Denied)?;
                    Puller::Principal(id)
                }
            };
            let opened = self.service.open(target, repository, puller).await;
            let opened = opened.map_err(|error| LocalError::Failed(error.into()))?;
            let found: Arc<dyn LocalRepository> =
                Arc::new(Repository(opened.ok_or(LocalError::Denied)?));
            Ok(found)
        }
        .boxed()
    }
}

impl LocalRepository for Repository {
    fn manifest(
        &self,
        reference: &str,
    ) -> Result<Option<Vec<u8>>, Box<dyn StdError + Send + Sync>> {
        Ok(self.0.manifest(reference)?)
    }

    fn blob(&self, digest: &str) -> Result<Option<File>, Box<dyn StdError + Send + Sync>> {
        Ok(self.0.blob(digest)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_hosts_registries_are_told_from_all_others() {
        let own = "192.0.2.1:8443".parse().unwrap();
        let names = Names::new(own, "azurecr.wharf.internal".to_owned());
        for name in ["Harbour.azurecr.wharf.internal:8443", "harbour.azurecr.wharf.internal"] {
            let wanted = Some(Target::Named("harbour".to_owned()));
            assert_eq!(names.target(name), wanted, "{name}");
        }
        for name in ["127.0.0.1:8443", "localhost:8443", "192.0.2.1:8443"] {
            assert_eq!(names.target(name), Some(Target::InPath), "{name}");
        }
        for name in [
            "127.0.0.1:5000",
            "192.0.2.1",
            "harbour.azurecr.wharf.internal:5000",
            "harbour.azurecr.io",
            "azurecr.wharf.internal:8443",
            "evilazurecr.wharf.internal",
            "docker.io",
        ] {
            assert_eq!(names.target(name), None, "{name}");
        }
    }
}
