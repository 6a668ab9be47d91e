//! GET the subnets of a virtual network.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use crate::{
    app::App,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let network = app.found(&super::key(&app, &path)?).await?;
    Ok(Json(wharf_arm::list::page(&super::documents(&network)?, None)))
}
