//! Image pulls in the background, shared by all groups that wait for the same image.
//!
//! Pulling takes long, so a pass only begins it and looks at how it stands. What is kept here is
//! memory of a courtesy (when to try again, events to tell); after a crash of the daemon the next
//! pass simply begins anew.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio_util::task::TaskTracker;
use wharf_image::{Audience, Credential, ImageStore, Login};
use wharf_model::{
    ContainerName, GroupId,
    clock::Clock,
    error::chain,
    event::{EventReason, Occurrence},
    plan::ImageObs,
    spec::{GroupSpec, RegistryCredential, RegistryLogin},
};

use super::{
    Hint,
    outbox::{Outbox, retry_at},
    pull_progress::{Watch, pulled},
};

/// The first pause after a failed pull; doubles up to [`RETRY_MAX`], as the kubelet's.
const RETRY_BASE: Duration = Duration::from_secs(10);
const RETRY_MAX: Duration = Duration::from_mins(5);

/// All pulls of this daemon.
#[derive(Clone, Debug)]
pub(super) struct Pulls {
    images: ImageStore,
    clock: Arc<dyn Clock>,
    hint: Hint,
    tasks: TaskTracker,
    state: Arc<Mutex<State>>,
}

/// What is pulled, and the fingerprint of the credential for it: one group's wrong password must not
/// fail another's pull.
type Key = (String, Option<String>);

#[derive(Debug, Default)]
struct State {
    pulls: HashMap<Key, Pull>,
    outbox: HashMap<GroupId, Outbox>,
}

#[derive(Debug)]
struct Pull {
    tries: u32,
    failure: Option<(String, Timestamp)>,
    waiting: BTreeMap<GroupId, Vec<ContainerName>>,
}

impl Pulls {
    pub(super) fn new(images: ImageStore, clock: Arc<dyn Clock>, hint: Hint) -> Self {
        let (tasks, state) = (TaskTracker::new(), Arc::default());
        Self { images, clock, hint, tasks, state }
    }

    /// How an image that is not in the store stands, for a group.
    pub(super) fn observe(&self, id: &GroupId, spec: &GroupSpec, image: &str) -> ImageObs {
        let key = self.key(spec, image);
        self.lock().observe(id, &key)
    }

    /// Begins to pull an image, or joins a pull under way.
    pub(super) fn ensure(&self, id: &GroupId, spec: &GroupSpec, image: &str) {
        let containers: Vec<_> = spec
            .all_containers()
            .filter(|container| container.image == image)
            .map(|container| container.name.clone())
            .collect();
        let now = self.clock.now();
        let mut state = self.lock();
        let message = format!("pulling image \"{image}\"");
        state.tell(id, &containers, now, EventReason::Pulling, &message);
        let key = self.key(spec, image);
        let is_new = state.join(id, containers, &key);
        drop(state);
        if is_new {
            let credentials = credentials(&spec.registry_credentials);
            self.tasks.spawn(self.clone().run(key, credentials));
        }
    }

    fn key(&self, spec: &GroupSpec, image: &str) -> Key {
        let credentials = credentials(&spec.registry_credentials);
        (image.to_owned(), self.images.fingerprint(image, &credentials))
    }

    /// Notes that an image is put to use.
    pub(super) fn touch(&self, image: &str) {
        self.images.touch(image, self.clock.now());
    }

    /// Tells that an image needed no pull.
    pub(super) fn tell_present(&self, id: &GroupId, container: &ContainerName, image: &str) {
        let mut state = self.lock();
        let pulled = pulled(image);
        let is_told = state.outbox.get(id).is_some_and(|told| {
            told.all()
                .iter()
                .any(|o| o.container.as_ref() == Some(container) && o.message.starts_with(&pulled))
        });
        if !is_told {
            let message = format!("Container image \"{image}\" already present on machine");
            let containers = std::slice::from_ref(container);
            state.tell(id, containers, self.clock.now(), EventReason::Pulled, &message);
        }
    }

    /// Tells of something else that was done to a container, and why.
    pub(super) fn tell(
        &self,
        id: &GroupId,
        container: &ContainerName,
        reason: EventReason,
        message: &str,
    ) {
        let containers = std::slice::from_ref(container);
        self.lock().tell(id, containers, self.clock.now(), reason, message);
    }

    /// Events of a group's pulls, and what else was told; told again and again until the group is forgotten here.
    pub(super) fn occurrences(&self, id: &GroupId) -> Vec<Occurrence> {
        self.lock().outbox.get(id).map(|told| told.all().to_vec()).unwrap_or_default()
    }

    /// Forgets a group.
    pub(super) fn forget(&self, id: &GroupId) {
        let mut state = self.lock();
        state.outbox.remove(id);
        for pull in state.pulls.values_mut() {
            pull.waiting.remove(id);
        }
    }

    async fn run(self, key: Key, credentials: Vec<Credential>) {
        let began = self.clock.now();
        let image = key.0.as_str();
        let asking = (credentials.as_slice(), Audience::Holders);
        let watch = Mutex::new(Watch::new(began));
        let watched = || watch.lock().unwrap_or_else(PoisonError::into_inner);
        let tell = |step| {
            if let Some(message) = watched().note(self.clock.now(), image, step) {
                self.tell_waiting(&key, &message);
            }
        };
        let result = self.images.pull(image, asking, began, tell).await;
        let now = self.clock.now();
        let mut state = self.lock();
        let Some(pull) = state.pulls.get_mut(&key) else { return };
        let waiting = std::mem::take(&mut pull.waiting);
        let (reason, message) = match result {
            Ok(_) => {
                state.pulls.remove(&key);
                (EventReason::Pulled, watched().pulled(now, image))
            }
            Err(error) => {
                let message = format!("Failed to pull image \"{image}\": {}", chain(&error));
                pull.tries += 1;
                pull.failure =
                    Some((message.clone(), retry_at(now, pull.tries, (RETRY_BASE, RETRY_MAX))));
                tracing::warn!(%image, tries = pull.tries, error = chain(&error), "pull failed");
                (EventReason::Failed, message)
            }
        };
        let mut events = vec![(reason, message)];
        if reason == EventReason::Failed {
            events.push((EventReason::Failed, "Error: ImagePullBackOff".to_owned()));
            events.push((EventReason::BackOff, format!("Back-off pulling image \"{image}\"")));
        }
        for (id, containers) in &waiting {
            for (reason, message) in &events {
                state.tell(id, containers, now, *reason, message);
            }
        }
        drop(state);
        for id in waiting.keys() {
            self.hint.give(id);
        }
    }

    /// Tells all groups that wait for a pull how far it is.
    fn tell_waiting(&self, key: &Key, message: &str) {
        let now = self.clock.now();
        let mut state = self.lock();
        let waiting = state.pulls.get(key).map(|pull| pull.waiting.clone()).unwrap_or_default();
        for (id, containers) in &waiting {
            state.tell(id, containers, now, EventReason::Pulling, message);
        }
        drop(state);
        for id in waiting.keys() {
            self.hint.give(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A pull for others only is none yet for a group: it would not be told when that ends.
    fn observe(&self, id: &GroupId, key: &Key) -> ImageObs {
        match self.pulls.get(key) {
            Some(Pull { failure: Some((message, retry_at)), .. }) => {
                ImageObs::Failed { message: message.clone(), retry_at: *retry_at }
            }
            Some(Pull { failure: None, waiting, .. }) if waiting.contains_key(id) => {
                ImageObs::Pulling
            }
            Some(_) | None => ImageObs::Absent,
        }
    }

    /// Returns whether the pull must be begun.
    fn join(&mut self, id: &GroupId, containers: Vec<ContainerName>, key: &Key) -> bool {
        let is_under_way = self.pulls.get(key).is_some_and(|pull| pull.failure.is_none());
        let pull = self.pulls.entry(key.clone()).or_insert_with(|| Pull {
            tries: 0,
            failure: None,
            waiting: BTreeMap::new(),
        });
        pull.failure = None;
        pull.waiting.insert(id.clone(), containers);
        !is_under_way
    }

    fn tell(
        &mut self,
        id: &GroupId,
        containers: &[ContainerName],
        at: Timestamp,
        reason: EventReason,
        message: &str,
    ) {
        let outbox = self.outbox.entry(id.clone()).or_default();
        for container in containers {
            outbox.tell(Occurrence {
                container: Some(container.clone()),
                at,
                reason,
                message: message.to_owned(),
            });
        }
    }
}

/// The credentials of a specification, as the image store takes them.
pub(super) fn credentials(credentials: &[RegistryCredential]) -> Vec<Credential> {
    credentials
        .iter()
        .map(|credential| Credential {
            server: credential.server.clone(),
            login: match &credential.login {
                RegistryLogin::Password { username, password } => {
                    Login::Password { username: username.clone(), password: password.clone() }
                }
                RegistryLogin::Identity { identity, principal } => Login::Identity {
                    id: identity.clone(),
                    principal: principal.map(|id| id.to_string()).unwrap_or_default(),
                },
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_joins_a_pull_of_others_so_that_it_is_told_of_its_end() {
        let mut state = State::default();
        let key = ("image".to_owned(), None);
        let (first, second) = (GroupId::from_bits(1), GroupId::from_bits(2));
        assert!(state.join(&first, Vec::new(), &key), "the first begins it");
        assert!(matches!(state.observe(&first, &key), ImageObs::Pulling));
        assert!(matches!(state.observe(&second, &key), ImageObs::Absent));
        assert!(!state.join(&second, Vec::new(), &key), "the second joins it");
        assert!(matches!(state.observe(&second, &key), ImageObs::Pulling));
        assert_eq!(state.pulls[&key].waiting.len(), 2);
    }
}
