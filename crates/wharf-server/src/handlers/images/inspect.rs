//! GET one image with its configuration: `?reference=`.

use axum::{
    Json,
    extract::{Query, State},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::json;
use wharf_image::Image;
use wharf_model::{Error, ErrorKind};

use crate::{app::App, http::ApiResult};

#[derive(Debug, Deserialize)]
pub(crate) struct Params {
    reference: String,
}

/// The image that a query names, or the 404 that says so.
pub(super) fn found(app: &App, params: &Params) -> Result<Image, Error> {
    let found = app.images.resolve(&params.reference).map_err(|e| super::image_failed(&e))?;
    found.ok_or_else(|| {
        let message = format!("The image '{}' is not in the store.", params.reference);
        Error::new(ErrorKind::NotFound, "ImageNotFound", message)
    })
}

pub(crate) async fn handle(
    State(app): State<App>,
    Query(params): Query<Params>,
) -> ApiResult<Response> {
    let image = found(&app, &params)?;
    let mut document = super::document(&image);
    document["allowed"] = json!(app.images.is_met_by(&image));
    document["signedBy"] = json!(image.signers().collect::<Vec<_>>());
    document["config"] = json!(&*image.config);
    document["layers"] = json!(&*image.layers);
    Ok(Json(document).into_response())
}
