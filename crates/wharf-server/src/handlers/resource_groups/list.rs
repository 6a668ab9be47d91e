//! GET all resource groups of a subscription.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};

use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(subscription): Path<String>,
    _: ResourcesVersion,
) -> ApiResult<Response> {
    let subscription = app.subscription(&subscription)?;
    let all = app.read(move |store| store.resource_groups(&subscription)).await?;
    let documents: Vec<_> = all.iter().map(super::document).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)).into_response())
}
