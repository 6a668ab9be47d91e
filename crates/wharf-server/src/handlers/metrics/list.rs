//! GET `{group}/providers/Microsoft.Insights/metrics`: what Azure Monitor would say.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, Query, State},
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
    Query(params): Query<BTreeMap<String, String>>,
) -> ApiResult<Json<Value>> {
    let group = app.group(&path.key(&app)?).await?;
    let params =
        params.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let query = wharf_arm::metrics::Query::parse(&params, app.clock.now())?;
    let resource = wharf_arm::resource_id::container_group(&group.key);
    let series = |metric| app.metrics.series(&group.id, &query, metric);
    Ok(Json(query.render(&resource, &group.location, series)))
}
