//! GET `{group}/providers/Microsoft.Insights/metricDefinitions`.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use crate::{
    app::App,
    handlers::container_groups::GroupPath,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): Path<GroupPath>,
    _version: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let group = app.group(&path.key(&app)?).await?;
    let resource = wharf_arm::resource_id::container_group(&group.key);
    Ok(Json(wharf_arm::metrics::definitions(&resource)))
}
