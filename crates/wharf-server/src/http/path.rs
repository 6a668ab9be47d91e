//! The path of a plain resource, of a part of one, or of all of a type.

use axum::extract::Path;
use serde::Deserialize;
use wharf_model::{Error, Name, ResourceKey};
use wharf_store::Resource;

use crate::app::App;

/// What stands in such a path.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ResourcePath {
    pub(crate) subscription: String,
    resource_group: Option<String>,
    /// A virtual network, a storage account.
    resource: Option<String>,
    /// A subnet, a share.
    part: Option<String>,
}

pub(crate) type AtResource = Path<ResourcePath>;

impl ResourcePath {
    pub(crate) fn key(&self, app: &App, kind: &str) -> Result<ResourceKey, Error> {
        let home = self.resource_group.as_deref().unwrap_or_default();
        let name = Name::new(self.resource.as_deref().unwrap_or_default());
        let resource_group = app.resource_group(&self.subscription, home)?;
        Ok(ResourceKey { resource_group, kind: Name::from(kind), name })
    }

    pub(crate) fn part(&self) -> Name {
        Name::new(self.part.as_deref().unwrap_or_default())
    }

    /// The resource, or the 404 that says so.
    pub(crate) async fn find(&self, app: &App, kind: &str) -> Result<Resource, Error> {
        app.found(&self.key(app, kind)?).await
    }

    /// All resources of a type, of the resource group or of the subscription.
    pub(crate) async fn list(&self, app: &App, kind: &str) -> Result<Vec<Resource>, Error> {
        app.list((&self.subscription, self.resource_group.as_deref()), kind).await
    }
}
