//! GET the virtual networks of a resource group or of the subscription.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::network::VIRTUAL_NETWORK;

use crate::{
    app::App,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let found = path.list(&app, VIRTUAL_NETWORK).await?;
    let documents: Result<Vec<_>, _> = found.iter().map(super::document).collect();
    Ok(Json(wharf_arm::list::page(&documents?, None)))
}
