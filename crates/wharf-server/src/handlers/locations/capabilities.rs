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
    let (cpu_millis, memory_bytes) = app.settings.capacity;
    let documents = location::capabilities(&Location::new(&location), cpu_millis, memory_bytes);
    Ok(Json(wharf_arm::list::page(&documents, None)).into_response())
}
