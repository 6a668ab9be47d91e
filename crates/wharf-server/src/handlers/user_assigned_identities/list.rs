//! GET the identities of a resource group or of the subscription.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::managed_identity::USER_ASSIGNED;
use wharf_model::Name;
use wharf_store::{Filter, ResourceFilter};

use crate::{
    app::App,
    handlers::container_groups::identity::managed,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): Path<HashMap<String, String>>,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let part = |name: &str| path.get(name).map(String::as_str);
    let subscription = part("subscription").unwrap_or_default();
    let scope = match part("resource_group") {
        Some(name) => {
            let key = app.resource_group(subscription, name)?;
            let wanted = key.clone();
            if app.read(move |store| store.resource_group(&wanted)).await?.is_none() {
                return Err(wharf_arm::error::resource_group_not_found(&key).into());
            }
            Filter::ResourceGroup(key)
        }
        None => Filter::Subscription(app.subscription(subscription)?),
    };
    let filter = ResourceFilter { scope, kind: Some(Name::from(USER_ASSIGNED)) };
    let resources = app.read(move |store| store.list_resources(&filter)).await?;
    let mut documents = Vec::with_capacity(resources.len());
    for resource in &resources {
        let id = super::id(&resource.key);
        let principal = managed(&app, &id, resource.key.name.as_str()).await?;
        documents.push(super::document(&app, resource, &principal));
    }
    Ok(Json(wharf_arm::list::page(&documents, None)))
}
