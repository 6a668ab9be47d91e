//! GET a subscription.

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
    app.subscription(&subscription)?;
    Ok(Json(super::document(&app.settings)).into_response())
}
