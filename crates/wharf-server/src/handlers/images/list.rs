//! GET all images.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};

use crate::{app::App, http::ApiResult};

pub(crate) async fn handle(State(app): State<App>) -> ApiResult<Response> {
    let documents: Vec<_> = app.images.list().iter().map(super::document).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)).into_response())
}
