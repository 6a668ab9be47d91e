//! `Microsoft.Storage/storageAccounts`: owners of file shares.

use axum::extract::Path;
use serde::Deserialize;
use serde_json::Value;
use wharf_arm::storage::{STORAGE_ACCOUNT, account};
use wharf_model::{Error, Name, ResourceKey};
use wharf_store::{Filter, Resource, ResourceContent};

use crate::{app::App, http::Base};

pub(crate) mod check_name_availability;
pub(crate) mod create_or_update;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod get_file_service;
pub(crate) mod list;
pub(crate) mod list_keys;
pub(crate) mod regenerate_key;

/// The path of an account, of one of its shares, or of all accounts.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct AccountPath {
    subscription: String,
    resource_group: Option<String>,
    account: Option<String>,
    pub(crate) share: Option<String>,
}

pub(crate) type AtAccount = Path<AccountPath>;

impl AccountPath {
    pub(crate) fn key(&self, app: &App) -> Result<ResourceKey, Error> {
        let home = self.resource_group.as_deref().unwrap_or_default();
        let resource_group = app.resource_group(&self.subscription, home)?;
        let name = Name::new(self.account.as_deref().unwrap_or_default());
        Ok(ResourceKey { resource_group, kind: Name::from(STORAGE_ACCOUNT), name })
    }

    /// The account of the path, or the 404 that says so.
    pub(crate) async fn find(&self, app: &App) -> Result<Resource, Error> {
        let key = self.key(app)?;
        app.resource(&key).await?.ok_or_else(|| wharf_arm::network::not_found(&key))
    }

    async fn scope(&self, app: &App) -> Result<Filter, Error> {
        let Some(name) = &self.resource_group else {
            return Ok(Filter::Subscription(app.subscription(&self.subscription)?));
        };
        let key = app.resource_group(&self.subscription, name)?;
        let wanted = key.clone();
        if app.read(move |store| store.resource_group(&wanted)).await?.is_none() {
            return Err(wharf_arm::error::resource_group_not_found(&key));
        }
        Ok(Filter::ResourceGroup(key))
    }
}

fn stored(content: &ResourceContent) -> account::Stored {
    let document = serde_json::from_str(&content.document).unwrap_or_default();
    (content.location.clone(), content.tags.clone(), document)
}

fn document(resource: &Resource, base: &Base) -> Value {
    let at = resource.created_at;
    account::render(&resource.key, &stored(&resource.content), at, &base.0)
}
