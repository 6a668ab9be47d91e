//! GET the activity log, newest first: who asked for which change with which result.

use axum::{
    Json,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::Value;
use wharf_arm::activity;

use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

/// How many entries are looked through.
const SEARCHED_MAX: u32 = 10_000;

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(rename = "$filter")]
    filter: Option<String>,
}

pub(crate) async fn handle(
    State(app): State<App>,
    _: ResourcesVersion,
    Query(asked): Query<Asked>,
) -> ApiResult<Json<Value>> {
    let query = activity::Query::parse(asked.filter.as_deref())?;
    let (from, to) = (query.from, query.to);
    let entries = app.read(move |store| store.activity(from, to, SEARCHED_MAX)).await?;
    let of = (app.settings.tenant.as_str(), app.settings.subscription.as_str());
    let matching = entries.iter().filter(|entry| query.matches(entry));
    let documents: Vec<Value> = matching.map(|entry| activity::render(entry, of)).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)))
}
