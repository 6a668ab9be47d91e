//! GET a rule.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use crate::{
    app::App,
    handlers::security_groups,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let found = app.found(&security_groups::key(&app, &path)?).await?;
    Ok(Json(super::document(&found, &path.part())?))
}
