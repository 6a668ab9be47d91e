//! What handlers have at hand.

use std::{sync::Arc, time::Duration};

use camino::Utf8PathBuf;
use tokio::sync::Mutex;
use wharf_arm::{ApiVersion, container_group::RenderContext};
use wharf_image::ImageStore;
use wharf_model::{
    Error, GroupKey, Name, ResourceGroupKey, ResourceKey,
    access::{Grants, RoleAssignment},
    capacity::Capacity,
    change::Decision,
    clock::Clock,
    error::chain,
    group::Group,
    network::Pools,
    security::Policy,
};
use wharf_runtime::embedded::Embedded;
use wharf_store::{AcceptError, Accepted, Filter, Resource, ResourceFilter, Store, StoreError};

use crate::{
    auth::Authenticator, controller::Controller, file_shares::FileShares, identity::Identity, ids,
    metrics::Metrics, registries::Registries, sessions::Tickets,
};

/// The parts of the daemon. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) controller: Controller<Embedded>,
    pub(crate) images: ImageStore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) auth: Authenticator,
    pub(crate) metrics: Metrics,
    pub(crate) tickets: Tickets,
    pub(crate) identity: Identity,
    pub(crate) files: FileShares,
    pub(crate) registries: Registries,
    /// Held while something with a directory is made or swept (`leftovers.rs`).
    pub(crate) making: Arc<Mutex<()>>,
    pub(crate) settings: Arc<Settings>,
}

/// What does not change while the daemon runs.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) subscription: Name,
    pub(crate) tenant: String,
    pub(crate) location: String,
    /// Where addresses of groups outside of virtual networks come from.
    pub(crate) pools: Pools,
    /// Whether ports of public groups are also open at the host's own addresses.
    pub(crate) publishes_ports: bool,
    /// How clients on this host reach the API.
    pub(crate) address: String,
    /// How groups reach it.
    pub(crate) management: String,
    /// Whom they have to trust for it: PEM.
    pub(crate) certificate_authority: String,
    pub(crate) render: RenderContext,
    /// Where everything is kept.
    pub(crate) data_dir: Utf8PathBuf,
    /// How long the answer to a create is held if that is enough to start the group.
    pub(crate) hold: Duration,
    /// How long containers may take to end.
    pub(crate) grace: Duration,
    /// What groups may reserve together.
    pub(crate) capacity: Capacity,
    /// Which rights containers may ask for.
    pub(crate) security: Policy,
}

impl App {
    /// Runs what blocks on the store where that holds nobody up.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || work(&store))
            .await
            .map_err(|error| Error::internal(error.to_string()))
    }

    /// Reads from the store.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Error> {
        self.blocking(work).await?.map_err(|error| store_failed(&error))
    }

    /// The group of that name, or the 404 that says so.
    pub(crate) async fn group(&self, key: &GroupKey) -> Result<Group, Error> {
        let wanted = key.clone();
        let found = self.read(move |store| store.group(&wanted)).await?;
        found.ok_or_else(|| wharf_arm::error::group_not_found(key))
    }

    /// The plain resource of that type and name, or the 404 that says so.
    pub(crate) async fn found(&self, key: &ResourceKey) -> Result<Resource, Error> {
        let found = self.resource(key).await?;
        found.ok_or_else(|| wharf_arm::error::resource_not_found(key))
    }

    /// The plain resources of a type, of the resource group or of the subscription.
    pub(crate) async fn list(
        &self,
        (subscription, resource_group): (&str, Option<&str>),
        kind: &str,
    ) -> Result<Vec<Resource>, Error> {
        let scope = self.scope(subscription, resource_group).await?;
        let filter = ResourceFilter { scope, kind: Some(Name::from(kind)) };
        self.read(move |store| store.list_resources(&filter)).await
    }

    /// Where a list looks: in a resource group, which must be there, or in the subscription.
    pub(crate) async fn scope(
        &self,
        subscription: &str,
        resource_group: Option<&str>,
    ) -> Result<Filter, Error> {
        let Some(name) = resource_group else {
            return Ok(Filter::Subscription(self.subscription(subscription)?));
        };
        let key = self.resource_group(subscription, name)?;
        let wanted = key.clone();
        match self.read(move |store| store.resource_group(&wanted)).await? {
            Some(_) => Ok(Filter::ResourceGroup(key)),
            None => Err(wharf_arm::error::resource_group_not_found(&key)),
        }
    }

    /// The plain resource of that type and name, if it is there.
    pub(crate) async fn resource(&self, key: &ResourceKey) -> Result<Option<Resource>, Error> {
        let wanted = key.clone();
        self.read(move |store| store.resource(&wanted)).await
    }

    /// Writes what a decision says, in one transaction, and wakes the controller.
    pub(crate) async fn accept(
        &self,
        key: &GroupKey,
        decide: impl FnOnce(Option<&Group>) -> Result<Decision, Error> + Send + 'static,
    ) -> Result<Accepted, Error> {
        let (now, wanted) = (self.clock.now(), key.clone());
        fail::fail_point!("accept.before_commit", |_| std::process::abort());
        let accepted = self
            .blocking(move |store| store.accept(now, &wanted, ids::new_ids(), decide))
            .await?
            .map_err(accept_failed)?;
        fail::fail_point!("accept.after_commit", |_| std::process::abort());
        self.controller.announce(&accepted.group.id);
        if accepted.operation.is_some() {
            self.controller.poke(&accepted.group.id);
        }
        Ok(accepted)
    }

    /// What a principal was given.
    pub(crate) async fn grants(&self, principal: uuid::Uuid) -> Result<Grants, Error> {
        self.read(move |store| grants(store, principal)).await
    }

    /// What was deleted takes its identity and the role assignments at it along.
    pub(crate) async fn forget_access(&self, scope: &str) -> Result<(), Error> {
        let scope = scope.to_owned();
        self.read(move |store| store.forget_access_below(&scope)).await
    }

    /// The document of a group with its events.
    pub(crate) async fn document(
        &self,
        group: &Group,
        version: ApiVersion,
    ) -> Result<serde_json::Value, Error> {
        let id = group.id.clone();
        let events = self.read(move |store| store.events(&id)).await?;
        let (view, context) = (wharf_arm::container_group::View::Full, &self.settings.render);
        Ok(wharf_arm::container_group::render(group, &events, version, view, context))
    }

    /// The subscription of a path, which must be the one that exists.
    pub(crate) fn subscription(&self, name: &str) -> Result<Name, Error> {
        if self.settings.subscription == Name::new(name) {
            return Ok(self.settings.subscription.clone());
        }
        Err(Error::new(
            wharf_model::ErrorKind::NotFound,
            "SubscriptionNotFound",
            format!("The subscription '{name}' could not be found."),
        ))
    }

    /// The resource group of a path.
    pub(crate) fn resource_group(
        &self,
        subscription: &str,
        name: &str,
    ) -> Result<ResourceGroupKey, Error> {
        let subscription = self.subscription(subscription)?;
        Ok(ResourceGroupKey { subscription, name: Name::new(name) })
    }
}

/// What a principal was given.
pub(crate) fn grants(store: &Store, principal: uuid::Uuid) -> Result<Grants, StoreError> {
    let assigned = store.role_assignments_of(principal)?;
    if assigned.is_empty() {
        return Ok(Grants::default());
    }
    let roles = crate::handlers::role_assignments::all_roles(store)?;
    let find = |RoleAssignment { scope, role, .. }| {
        let role = roles.iter().find(|known| known.id == role)?.clone();
        Some((scope, role))
    };
    Ok(Grants(assigned.into_iter().filter_map(find).collect()))
}

/// What only its owner may read of a resource.
pub(crate) fn secret<T: serde::de::DeserializeOwned>(resource: &Resource) -> Result<T, Error> {
    let secret = resource.content.secret.as_deref().unwrap_or_default();
    serde_json::from_slice(secret)
        .map_err(|error| Error::internal(format!("read the secret of {}: {error}", resource.key)))
}

/// The same, to be stored.
pub(crate) fn sealed<T: serde::Serialize>(secret: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(secret).map_err(|error| Error::internal(error.to_string()))
}

/// A request that was not accepted, as the client reads it.
pub(crate) fn accept_failed(error: AcceptError) -> Error {
    match error {
        AcceptError::Refused(error) => error,
        AcceptError::Store(error) => store_failed(&error),
    }
}

/// A failure of the store, as the client reads it.
pub(crate) fn store_failed(error: &StoreError) -> Error {
    if error.is_disk_full() {
        return Error::new(
            wharf_model::ErrorKind::StorageFull,
            "InsufficientStorage",
            "The disk of the Wharf host is full; nothing was changed.",
        )
        .because(chain(error));
    }
    Error::internal(chain(error))
}
