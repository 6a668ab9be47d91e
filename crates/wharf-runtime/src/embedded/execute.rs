//! The effects of a plan. Each is idempotent; a crash after any of them is repaired by the next
//! pass.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use wharf_model::{
    ContainerName, Generation, GroupId,
    backend::{BackendError, Desired},
    capacity,
    plan::{EndSignal, Step},
};

use super::{Embedded, etc, failed};
use crate::{
    bundle::{self, BundlePlan},
    logs,
    network::Endpoint,
    volumes,
};

/// Logs kept of one container: the present run's and the one before.
const LOGS_KEPT: usize = 2;

impl Embedded {
    pub(super) async fn execute(&self, desired: &Desired, step: &Step) -> Result<(), BackendError> {
        let id = &desired.id;
        match step {
            Step::EnsureStorage => self.ensure_storage(desired),
            Step::PullImage(image) => {
                self.pulls.ensure(id, &desired.spec, image);
                Ok(())
            }
            Step::FetchVolume(volume) => self.fetch_volume(desired, volume),
            Step::EnsureSandbox => self.ensure_sandbox(desired).await,
            Step::SetOpenPorts(ports) => match endpoint(desired) {
                Some(endpoint) => self
                    .network
                    .set_open_ports(endpoint, ports.clone())
                    .await
                    .map_err(|source| failed(format!("open the ports of group {id}"), source)),
                None => Ok(()),
            },
            Step::StartContainer { name, revision, start } => {
                self.start_container(desired, name, (*revision, *start)).await
            }
            Step::SignalContainer { name, signal } => self.signal(id, name, *signal).await,
            Step::RemoveContainer(name) => self.remove_container(id, name).await,
            Step::RemoveSandbox => self.remove_sandbox(id, endpoint(desired)).await,
            Step::RemoveScratch => {
                self.remove_volumes(id).await?;
                self.remove_tree(&self.layout.storage(id).scratch()).await
            }
            Step::RemoveStorage => self.remove_storage(id).await,
        }
    }

    fn ensure_storage(&self, desired: &Desired) -> Result<(), BackendError> {
        let storage = self.layout.storage(&desired.id);
        let mut dirs: Vec<Utf8PathBuf> = vec![storage.scratch()];
        dirs.extend(desired.spec.all_containers().map(|c| storage.logs().join(c.name.as_str())));
        for dir in dirs {
            create_dir(&dir)?;
        }
        for volume in &desired.spec.volumes {
            volumes::ensure_empty_dir(&storage, volume)
                .map_err(|source| failed(format!("make volume {}", volume.name), source))?;
        }
        Ok(())
    }

    fn fetch_volume(&self, desired: &Desired, name: &str) -> Result<(), BackendError> {
        let storage = self.layout.storage(&desired.id);
        let volume = desired.spec.volumes.iter().find(|volume| volume.name == name);
        let Some(volume) = volume else { return Ok(()) };
        match volumes::directory(&storage, volume) {
            Some(target) => self.fetches.ensure(&desired.id, volume, target),
            None => Ok(()),
        }
    }

    async fn ensure_sandbox(&self, desired: &Desired) -> Result<(), BackendError> {
        let id = &desired.id;
        let Some(address) = desired.address else {
            let source = io::Error::other("the group has no address");
            return Err(failed(format!("connect group {id}"), source));
        };
        let namespaces = self
            .network
            .take(id, address, desired.private.as_ref())
            .await
            .map_err(|source| failed(format!("make the network of group {id}"), source))?;
        let hostname = hostname(desired);
        let own = desired.private.as_ref().map_or(address, |place| place.address);
        let search = self.neighbours.as_deref().filter(|_| desired.private.is_some());
        let resolver = (self.network.gateway(), search);
        let etc = etc::files(&hostname, own, resolver, desired.spec.dns.as_ref());
        self.shims
            .spawn(id, &hostname, namespaces, &etc)
            .await
            .map_err(|source| failed(format!("start the shim of group {id}"), source))?;
        self.subscribe(id);
        Ok(())
    }

    async fn start_container(
        &self,
        desired: &Desired,
        name: &ContainerName,
        (revision, start): (Generation, u32),
    ) -> Result<(), BackendError> {
        let id = &desired.id;
        let about = format!("start container {name} of group {id}");
        let Some(container) = desired.spec.container(name) else { return Ok(()) };
        let image = self
            .images
            .resolve(&container.image)
            .map_err(|source| failed(about.clone(), source))?
            .ok_or_else(|| failed(about.clone(), io::Error::other("its image has gone")))?;
        self.pulls.touch(&container.image);
        if start == 1 {
            self.pulls.tell_present(id, name, &container.image);
        }
        let bundle = bundle::prepare(&BundlePlan {
            layout: &self.layout,
            id,
            container,
            revision,
            start,
            image: &image.config,
            layers: &image.layers,
            volumes: &desired.spec.volumes,
            hostname: &hostname(desired),
            allocation: capacity::requests(&desired.spec),
        });
        let bundle = bundle.map_err(|source| failed(about.clone(), source))?;
        self.shims.start(id, bundle).await.map_err(|source| failed(about, source))?;
        let pruned = logs::prune(&self.layout.storage(id), name, LOGS_KEPT);
        pruned.map_err(|source| failed(format!("prune the logs of {name} in group {id}"), source))
    }

    async fn signal(
        &self,
        id: &GroupId,
        name: &ContainerName,
        signal: EndSignal,
    ) -> Result<(), BackendError> {
        self.shims
            .signal(id, name, signal)
            .await
            .map(drop)
            .map_err(|source| failed(format!("signal {name} in group {id}"), source))
    }

    async fn remove_container(
        &self,
        id: &GroupId,
        name: &ContainerName,
    ) -> Result<(), BackendError> {
        self.shims
            .remove(id, name)
            .await
            .map_err(|source| failed(format!("remove {name} from group {id}"), source))
    }

    pub(super) async fn remove_sandbox(
        &self,
        id: &GroupId,
        endpoint: Option<Endpoint>,
    ) -> Result<(), BackendError> {
        let shim = self.shims.shutdown_and_clean(id).await;
        let network = self.network.release(id, endpoint).await;
        shim.map_err(|source| failed(format!("remove the containers of group {id}"), source))?;
        network.map_err(|source| failed(format!("remove the network of group {id}"), source))
    }

    pub(super) async fn remove_storage(&self, id: &GroupId) -> Result<(), BackendError> {
        self.remove_volumes(id).await?;
        self.remove_tree(self.layout.storage(id).dir()).await
    }

    /// Ends what fetches volumes of a group, and what serves them.
    async fn remove_volumes(&self, id: &GroupId) -> Result<(), BackendError> {
        self.fetches.cancel(id).await;
        let about = || format!("unmount the shares of group {id}");
        self.mounts.remove(id).await.map_err(|source| failed(about(), source))
    }

    async fn remove_tree(&self, path: &Utf8Path) -> Result<(), BackendError> {
        match fs_err::tokio::remove_dir_all(path).await {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(failed(format!("remove {path}"), source))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Where others reach the group.
pub(super) fn endpoint(desired: &Desired) -> Option<Endpoint> {
    match &desired.private {
        Some(place) => Some(place.into()),
        None => desired.address.map(Endpoint::from),
    }
}

fn create_dir(path: &Utf8Path) -> Result<(), BackendError> {
    fs_err::create_dir_all(path).map_err(|source| failed(format!("create {path}"), source))
}

/// The group's host name: its own name, as a container of Docker or a Pod has it.
fn hostname(desired: &Desired) -> String {
    desired.key.name.as_str().to_ascii_lowercase()
}
