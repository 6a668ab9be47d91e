//! GET what a group may be given: what the host has.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use wharf_arm::location::{self, Location};

use crate::{
    app::App,
    http::{ApiResult, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, location)): Path<(String, String)>,
    Version(_): Version,
) -> ApiResult<Response> {
    app.subscription(&subscription)?;
    let host = app.settings.capacity.host;
    let cpu_millis = u32::try_from(host.cpu_millis).unwrap_or(u32::MAX);
    let location = Location::new(&location);
    let documents = location::capabilities(&location, cpu_millis, host.memory_bytes);
    Ok(Json(wharf_arm::list::page(&documents, None)).into_response())
}
