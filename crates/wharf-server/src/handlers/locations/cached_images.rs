//! GET the images that are here, so that groups of them start without a pull.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use wharf_arm::location::cached_image;

use crate::{
    app::App,
    http::{ApiResult, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, _location)): Path<(String, String)>,
    Version(_): Version,
) -> ApiResult<Response> {
    app.subscription(&subscription)?;
    let images = app.images.list();
    let documents: Vec<_> = images.iter().map(|image| cached_image(&image.reference)).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)).into_response())
}
