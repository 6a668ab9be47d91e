//! GET the security groups of a resource group or of the subscription.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::network::SECURITY_GROUP;

use crate::{
    app::App,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let mut documents = Vec::new();
    for resource in path.list(&app, SECURITY_GROUP).await? {
        documents.push(super::document(&app, &resource).await?);
    }
    Ok(Json(wharf_arm::list::page(&documents, None)))
}
