//! GET all resource groups of a subscription; `$filter` compares names, regions and tags.

use axum::{
    Json,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use wharf_arm::filter::{ResourceFilter, Subject};
use wharf_store::ResourceGroup;

use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

#[derive(Debug, Deserialize)]
pub(crate) struct Params {
    #[serde(rename = "$filter")]
    filter: Option<String>,
    #[serde(rename = "$top")]
    top: Option<usize>,
}

pub(crate) async fn handle(
    State(app): State<App>,
    Path(subscription): Path<String>,
    _: ResourcesVersion,
    Query(params): Query<Params>,
) -> ApiResult<Response> {
    let subscription = app.subscription(&subscription)?;
    let filter = ResourceFilter::parse(params.filter.as_deref())?;
    let all = app.read(move |store| store.resource_groups(&subscription)).await?;
    let matching = all.iter().filter(|group| matches(&filter, group));
    let documents: Vec<_> =
        matching.take(params.top.unwrap_or(usize::MAX)).map(super::document).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)).into_response())
}

fn matches(filter: &ResourceFilter, group: &ResourceGroup) -> bool {
    let tags = serde_json::from_str(&group.tags).unwrap_or_default();
    let name = group.key.name.as_str();
    filter.matches(&Subject {
        kind: "Microsoft.Resources/resourceGroups",
        name,
        resource_group: name,
        location: &group.location,
        tags: &tags,
    })
}
