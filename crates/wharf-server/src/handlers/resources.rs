//! Resources of all types in one list.

use axum::{
    Json,
    http::Uri,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::Value;
use wharf_arm::{
    filter::{ResourceFilter, Subject},
    resource::{self, Summary},
    resource_id,
    template::DEPLOYMENT,
};
use wharf_model::{Error, Name, ResourceKey, group::Group};
use wharf_store::{Filter, Resource};

use crate::{app::App, http::Base};

pub(crate) mod list_by_resource_group;
pub(crate) mod list_by_subscription;

/// Resources of one page, unless asked for fewer.
const PAGE: usize = 1000;

/// What the lists can be asked.
#[derive(Debug, Deserialize)]
pub(crate) struct Params {
    #[serde(rename = "$filter")]
    filter: Option<String>,
    #[serde(rename = "$expand")]
    expand: Option<String>,
    #[serde(rename = "$top")]
    top: Option<usize>,
    #[serde(rename = "$skipToken", alias = "$skiptoken")]
    skip_token: Option<String>,
}

/// One page; `uri` is what was asked.
async fn page(
    app: &App,
    scope: Filter,
    params: &Params,
    (base, uri): (&Base, &Uri),
) -> Result<Response, Error> {
    let filter = ResourceFilter::parse(params.filter.as_deref())?;
    let summaries = summaries(app, scope).await?;
    let after = params.skip_token.as_deref().unwrap_or_default();
    let count = params.top.unwrap_or(PAGE).clamp(1, PAGE);
    let mut matching = summaries.iter().filter(|summary| {
        filter.matches(&Subject {
            kind: summary.key.kind.as_str(),
            name: summary.key.name.as_str(),
            resource_group: summary.key.resource_group.name.as_str(),
            location: &summary.location,
            tags: &summary.tags,
        }) && place(summary).as_str() > after
    });
    let shown: Vec<&Summary> = matching.by_ref().take(count).collect();
    let expand = params.expand.as_deref().unwrap_or_default();
    let documents: Vec<Value> =
        shown.iter().map(|summary| resource::render(summary, expand)).collect();
    let last = shown.last().filter(|_| matching.next().is_some());
    let next = last.map(|last| next_link(base, uri, &place(last)));
    Ok(Json(wharf_arm::list::page(&documents, next)).into_response())
}

/// What the list is ordered by, and goes on after.
fn place(summary: &Summary) -> String {
    resource_id::resource(&summary.key).to_ascii_lowercase()
}

/// The same list from after a place.
fn next_link(base: &Base, uri: &Uri, after: &str) -> String {
    let is_token = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        matches!(name.as_str(), "$skiptoken" | "%24skiptoken")
    };
    let query = uri.query().unwrap_or_default().split('&').filter(|pair| !is_token(pair));
    let query: Vec<&str> = query.collect();
    format!("{}{}?{}&$skipToken={after}", base.0, uri.path(), query.join("&"))
}

/// All resources of a scope, in order. Deployments are not among them, as on Azure.
async fn summaries(app: &App, scope: Filter) -> Result<Vec<Summary>, Error> {
    let filter = wharf_store::ResourceFilter { scope: scope.clone(), kind: None };
    let plain = app.read(move |store| store.list_resources(&filter)).await?;
    let groups = app.read(move |store| store.list_groups(&scope, None, u32::MAX)).await?;
    let deployment = Name::from(DEPLOYMENT);
    let plain = plain.iter().filter(|resource| resource.key.kind != deployment).map(of_resource);
    let mut summaries: Vec<Summary> = plain.chain(groups.iter().map(of_group)).collect();
    summaries.sort_by_cached_key(place);
    Ok(summaries)
}

fn of_resource(resource: &Resource) -> Summary {
    Summary {
        key: resource.key.clone(),
        location: resource.content.location.clone(),
        tags: serde_json::from_str(&resource.content.tags).unwrap_or_default(),
        identity: None,
        created_at: resource.created_at,
        changed_at: resource.changed_at,
        provisioning_state: "Succeeded",
    }
}

fn of_group(group: &Group) -> Summary {
    let document: Value = serde_json::from_str(&group.document).unwrap_or_default();
    Summary {
        key: ResourceKey {
            resource_group: group.key.resource_group.clone(),
            kind: Name::from(resource_id::CONTAINER_GROUP),
            name: group.key.name.clone(),
        },
        location: group.location.clone(),
        tags: serde_json::from_str(&group.tags).unwrap_or_default(),
        identity: document.get("identity").cloned(),
        created_at: group.created_at,
        changed_at: group.created_at,
        provisioning_state: wharf_arm::container_group::provisioning_state(group),
    }
}
