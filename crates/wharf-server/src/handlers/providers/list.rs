//! GET all providers of a subscription.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use wharf_arm::provider::PROVIDERS;

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
    let documents: Vec<_> = PROVIDERS
        .iter()
        .map(|provider| super::document(&app, provider, Some(&subscription)))
        .collect();
    Ok(Json(wharf_arm::list::page(&documents, None)).into_response())
}
