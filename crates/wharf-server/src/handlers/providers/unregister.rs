//! POST unregister: refused, since providers are part of the daemon.

use axum::{
    extract::{Path, State},
    response::Response,
};

use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, namespace)): Path<(String, String)>,
    _: ResourcesVersion,
) -> ApiResult<Response> {
    app.subscription(&subscription)?;
    let provider = wharf_arm::provider::find(&namespace)?;
    Err(wharf_arm::provider::not_unregistered(provider).into())
}
