//! GET all profiles of a subscription.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use wharf_arm::profile::PROFILE;
use wharf_model::Name;
use wharf_store::{Filter, ResourceFilter};

use crate::{
    app::App,
    http::{ApiResult, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(subscription): Path<String>,
    Version(version): Version,
) -> ApiResult<Response> {
    wharf_arm::profile::check_version(version)?;
    let scope = Filter::Subscription(app.subscription(&subscription)?);
    let filter = ResourceFilter { scope, kind: Some(Name::from(PROFILE)) };
    let found = app.read(move |store| store.list_resources(&filter)).await?;
    let documents: Result<Vec<_>, _> =
        found.iter().map(|resource| super::latest(resource, version)).collect();
    Ok(Json(wharf_arm::list::page(&documents?, None)).into_response())
}
