//! The OCI distribution API.

mod answer;
mod blob;
mod content;
mod door;
mod inside;
mod metadata;
mod route;
mod tokens;
mod upload;

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, Response, request::Parts},
};

pub use self::inside::{Opened, Puller};
use self::{
    answer::{Answer, refuse},
    door::{Caller, Door},
    route::{Place, Route},
    tokens::Office,
};
use crate::{
    access::{Action, Credential, Registries},
    error::{Code, RegistryError},
    storage::{Repository, Storage},
    uploads::Uploads,
};

/// Which registry a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one that the host names.
    Named(String),
    /// The one that the first part of the repository names.
    InPath,
}

/// Answers requests. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    storage: Arc<Storage>,
    uploads: Arc<Uploads>,
    registries: Arc<dyn Registries>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("storage", &self.storage).finish_non_exhaustive()
    }
}

/// A request whose sender may do what it asks for.
struct Call {
    method: Method,
    headers: HeaderMap,
    query: HashMap<String, String>,
    registry: String,
    /// Host and port, as the client names them.
    host: String,
    /// What clients put before the names of repositories.
    prefix: String,
    caller: Caller,
    rights: Vec<Action>,
}

impl Call {
    /// Where a client finds something of a repository.
    fn location(&self, repository: &Repository, rest: &str) -> String {
        format!("/v2/{}{}/{rest}", self.prefix, repository.name)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Service {
    /// A service for what is kept here.
    pub fn new(storage: Arc<Storage>, registries: Arc<dyn Registries>) -> Self {
        Self { storage, uploads: Arc::default(), registries }
    }

    /// Answers one request.
    pub async fn handle(&self, target: Target, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        self.uploads.forget_removed();
        let door = Door::of(target, &parts);
        let answered = match Office::at(parts.uri.path()) {
            Some(office) => self.give(office, &door, &parts, body).await,
            None => self.answer(&door, parts, body).await,
        };
        answered.unwrap_or_else(|error| refuse(&error, &door))
    }

    async fn answer(&self, door: &Door, parts: Parts, body: Body) -> Result<Answer, RegistryError> {
        let route = Route::parse(&door.target, parts.uri.path());
        let named = route.as_ref().ok().and_then(|route| route.registry.clone());
        let prefix = named.as_deref().map(|registry| door.prefix(registry));
        let need = route.as_ref().ok().and_then(|route| route.place.needs(&parts.method));
        let scope = need.as_ref().map(|need| need.scope(prefix.as_deref().unwrap_or_default()));
        let nobody = || RegistryError::unauthorized(scope.clone());
        let credential = Credential::of(&parts.headers).ok_or_else(nobody)?;
        let caller = self.caller(door, credential).await?.ok_or_else(nobody)?;
        // Who asks for no repository means the registry that is theirs.
        let Some(registry) = named.or_else(|| caller.home().map(str::to_owned)) else {
            return content::homeless(&route?.place, &parts.method);
        };
        let prefix = prefix.unwrap_or_else(|| door.prefix(&registry));
        let rights = self.admit(&caller, &registry, (need.as_ref(), &prefix)).await?;
        let place = route?.place;
        let query = answer::query(parts.uri.query().unwrap_or_default());
        let Parts { method, headers, .. } = parts;
        let host = door.host.clone();
        let call = Call { method, headers, query, registry, host, prefix, caller, rights };
        self.run(call, place, body).await
    }

    async fn run(&self, call: Call, place: Place, body: Body) -> Result<Answer, RegistryError> {
        match place {
            Place::Base => content::base(&call.method),
            Place::Catalog => self.catalog(call).await,
            Place::Tags { repository } => self.tags(self.of(&call, &repository)?, call).await,
            Place::Manifest { repository, reference } => {
                self.manifest(self.of(&call, &repository)?, call, reference, body).await
            }
            Place::Referrers { repository, digest } => {
                self.referrers(self.of(&call, &repository)?, call, digest).await
            }
            Place::Blob { repository, digest } => {
                self.blob(self.of(&call, &repository)?, call, digest).await
            }
            Place::Metadata { repository, part } => {
                self.metadata(self.of(&call, &repository)?, call, part).await
            }
            Place::Uploads { repository } => {
                self.begin(self.of(&call, &repository)?, call, body).await
            }
            Place::Upload { repository, id } => {
                self.go_on(self.of(&call, &repository)?, call, id, body).await
            }
        }
    }

    fn of(&self, call: &Call, repository: &str) -> Result<Repository, RegistryError> {
        self.storage.repository(&call.registry, repository)
    }
}

fn unsupported() -> RegistryError {
    RegistryError::because(Code::Unsupported, "This cannot be done here.")
}

/// Runs what may block on a thread that may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RegistryError> + Send + 'static,
) -> Result<T, RegistryError> {
    tokio::task::spawn_blocking(work).await?
}

#[cfg(test)]
mod tests;
