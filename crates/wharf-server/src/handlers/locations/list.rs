//! GET the regions of a subscription: the one that this Wharf is configured to offer.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use wharf_arm::location::Location;

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
    let offered = Location::new(&app.settings.location).render(&subscription);
    Ok(Json(wharf_arm::list::page(&[offered], None)).into_response())
}
