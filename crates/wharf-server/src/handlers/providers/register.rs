//! POST register: 200 with the provider, which is registered already.

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
    Path((subscription, namespace)): Path<(String, String)>,
    _: ResourcesVersion,
) -> ApiResult<Response> {
    let subscription = app.subscription(&subscription)?;
    let provider = wharf_arm::provider::find(&namespace)?;
    Ok(Json(super::document(&app, provider, Some(&subscription))).into_response())
}
