//! GET a provider, whatever the subscription.

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
    Path(namespace): Path<String>,
    _: ResourcesVersion,
) -> ApiResult<Response> {
    let provider = wharf_arm::provider::find(&namespace)?;
    Ok(Json(super::document(&app, provider, None)).into_response())
}
