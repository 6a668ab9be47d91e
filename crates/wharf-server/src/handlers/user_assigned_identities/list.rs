//! GET the identities of a resource group or of the subscription.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::managed_identity::USER_ASSIGNED;

use crate::{
    app::App,
    handlers::container_groups::identity::managed,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let resources = path.list(&app, USER_ASSIGNED).await?;
    let mut documents = Vec::with_capacity(resources.len());
    for resource in &resources {
        let id = super::id(&resource.key);
        let principal = managed(&app, &id, resource.key.name.as_str()).await?;
        documents.push(super::document(&app, resource, &principal));
    }
    Ok(Json(wharf_arm::list::page(&documents, None)))
}
