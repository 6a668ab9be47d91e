//! POST: removes the images that no container group names.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};

use crate::{app::App, http::ApiResult, images};

pub(crate) async fn handle(State(app): State<App>) -> ApiResult<Response> {
    let pruning = app.images.begin_pruning().await;
    let in_use = images::in_use(&app).await?;
    let removed = pruning.remove(&in_use).await.map_err(|error| super::image_failed(&error))?;
    Ok(Json(removed).into_response())
}
