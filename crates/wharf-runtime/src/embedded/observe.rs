//! Looking at what exists of a group. Changes nothing.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use camino::Utf8Path;
use wharf_model::{
    ContainerName, GroupId,
    backend::{BackendError, Desired},
    group::Power,
    plan::{ContainerObs, ImageObs, Observed, Sandbox, Storage, VolumeObs},
};
use wharf_shim::table::{Container, Table};

use super::{Embedded, execute, failed, probes::Probed};
use crate::{
    shims::{self, Found},
    volumes,
};

impl Embedded {
    pub(super) async fn observe(&self, desired: &Desired) -> Result<Observed, BackendError> {
        let id = &desired.id;
        let state = self
            .shims
            .state(id)
            .await
            .map_err(|source| failed(format!("look at the shim of group {id}"), source))?;
        let (sandbox, table) = match state {
            Found::Absent => (Sandbox::Absent, Table::default()),
            Found::Alive(table) => (Sandbox::Alive, table),
            Found::Dead(table) => (Sandbox::Dead, table),
        };
        if sandbox == Sandbox::Alive {
            self.subscribe(id);
            self.network
                .guard(id, desired.private.as_ref())
                .await
                .map_err(|source| failed(format!("guard the network of group {id}"), source))?;
        }
        let nobody = Table::default();
        self.probes.sync(desired, if sandbox == Sandbox::Alive { &table } else { &nobody });
        let observe_one = |(name, container): (ContainerName, Container)| {
            let probed = self.probes.observe(&desired.id, &name, &container);
            let seen = observe_container(desired, container, probed);
            (name, seen)
        };
        let containers = table.containers.into_iter().map(observe_one).collect();
        Ok(Observed {
            storage: self.observe_storage(id),
            sandbox,
            open_ports: execute::endpoint(desired)
                .map(|endpoint| self.network.open_ports(endpoint))
                .unwrap_or_default(),
            images: self.observe_images(desired)?,
            volumes: self.observe_volumes(desired),
            containers,
        })
    }

    /// Has the shim tell of every start and exit, once.
    pub(super) fn subscribe(&self, id: &GroupId) {
        let lock = |set: &Mutex<HashSet<GroupId>>| {
            set.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone())
        };
        if !lock(&self.subscribed) {
            return;
        }
        let (hint, subscribed) = (self.hint.clone(), Arc::clone(&self.subscribed));
        let task = self.shims.subscribe(id.clone(), move |id| hint.give(id));
        let (id, hint) = (id.clone(), self.hint.clone());
        tokio::spawn(async move {
            drop(task.await);
            subscribed.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            hint.give(&id);
        });
    }

    fn observe_storage(&self, id: &GroupId) -> Storage {
        let storage = self.layout.storage(id);
        let is_there = |path: &Utf8Path| path.try_exists().unwrap_or(true);
        match (is_there(storage.dir()), is_there(&storage.scratch())) {
            (false, _) => Storage::Absent,
            (true, false) => Storage::LogsOnly,
            (true, true) => Storage::Full,
        }
    }

    fn observe_volumes(&self, desired: &Desired) -> BTreeMap<String, VolumeObs> {
        let storage = self.layout.storage(&desired.id);
        let fetched = desired.spec.volumes.iter().filter(|volume| volume.source.is_fetched());
        let observed = fetched.filter_map(|volume| {
            let target = volumes::directory(&storage, volume)?;
            Some((volume.name.clone(), self.fetches.observe(&desired.id, &target)))
        });
        observed.collect()
    }

    fn observe_images(
        &self,
        desired: &Desired,
    ) -> Result<BTreeMap<String, ImageObs>, BackendError> {
        let mut seen = BTreeMap::new();
        if desired.power != Power::Running {
            return Ok(seen);
        }
        for container in desired.spec.all_containers() {
            let image = &container.image;
            if seen.contains_key(image) {
                continue;
            }
            // A pull that the group waits for says itself when it is done: its events come first.
            let pull = self.pulls.observe(&desired.id, &desired.spec, image);
            let is_present = self
                .images
                .resolve_whole(image)
                .map_err(|source| failed(format!("look for image {image}"), source))?
                .is_some();
            let observed = match pull {
                ImageObs::Pulling => ImageObs::Pulling,
                _ if is_present => ImageObs::Present,
                pull => pull,
            };
            seen.insert(image.clone(), observed);
        }
        Ok(seen)
    }
}

fn observe_container(desired: &Desired, container: Container, probed: Probed) -> ContainerObs {
    let ignores_term = match container.pid {
        Some(pid) => {
            let is_current = desired.revisions.values().any(|r| *r == container.revision);
            let may_be_ended = desired.power != Power::Running
                || container.term_sent_at.is_some()
                || probed.unhealthy_since.is_some()
                || !is_current;
            may_be_ended && shims::ignores_term(pid)
        }
        None => false,
    };
    ContainerObs {
        revision: container.revision,
        runs: container.runs,
        term_sent_at: container.term_sent_at,
        is_killed: container.is_killed,
        ignores_term,
        unhealthy_since: probed.unhealthy_since,
        readiness: probed.readiness,
    }
}
