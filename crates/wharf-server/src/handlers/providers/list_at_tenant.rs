//! GET all providers, whatever the subscription.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use wharf_arm::provider::PROVIDERS;

use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(State(app): State<App>, _: ResourcesVersion) -> ApiResult<Response> {
    let documents: Vec<_> =
        PROVIDERS.iter().map(|provider| super::document(&app, provider, None)).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)).into_response())
}
