//! Pages of groups: ordered by resource group and name, going on where the last page ended.

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use wharf_arm::{ApiVersion, container_group::View};
use wharf_model::{Error, group::Group};
use wharf_store::Filter;

use crate::{app::App, http::Base};

/// Groups of one page.
const PAGE: u32 = 1000;

/// Where the last page ended.
#[derive(Debug, Deserialize)]
pub(crate) struct Params {
    #[serde(rename = "$skipToken", alias = "$skiptoken")]
    skip_token: Option<String>,
}

/// One page; `path` is the list's own path.
pub(super) async fn page(
    app: &App,
    filter: Filter,
    params: &Params,
    (base, path): (&Base, &str),
    version: ApiVersion,
) -> Result<Response, Error> {
    // Names have no blanks of their own, and the token is nobody's business: a pair is enough.
    let after = params.skip_token.as_deref().and_then(|token| token.split_once(' '));
    let after = after.map(|(home, name)| (home.to_owned(), name.to_owned()));
    let groups = app.read(move |store| store.list_groups(&filter, after.as_ref(), PAGE)).await?;
    let is_full = u32::try_from(groups.len()).is_ok_and(|count| count == PAGE);
    let next = groups.last().filter(|_| is_full).map(|group| link(group, &base.0, path, version));
    let context = &app.settings.render;
    let documents: Vec<_> = groups
        .iter()
        .map(|group| wharf_arm::container_group::render(group, &[], version, View::List, context))
        .collect();
    Ok(Json(wharf_arm::list::page(&documents, next)).into_response())
}

fn link(last: &Group, base: &str, path: &str, version: ApiVersion) -> String {
    let (home, name) = (last.key.resource_group.name.folded(), last.key.name.folded());
    format!("{base}{path}?api-version={}&$skipToken={home}%20{name}", version.as_str())
}
