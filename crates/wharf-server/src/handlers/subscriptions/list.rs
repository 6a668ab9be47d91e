//! GET all subscriptions.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};

use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(State(app): State<App>, _: ResourcesVersion) -> ApiResult<Response> {
    let documents = [super::document(&app.settings)];
    Ok(Json(wharf_arm::list::page(&documents, None)).into_response())
}
