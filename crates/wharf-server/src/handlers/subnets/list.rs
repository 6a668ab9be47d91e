//! GET the subnets of a virtual network.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use crate::{
    app::App,
    handlers::virtual_networks::{AtNetwork, find},
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtNetwork,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let network = find(&app, &super::key(&app, &path)?).await?;
    Ok(Json(wharf_arm::list::page(&super::documents(&network)?, None)))
}
