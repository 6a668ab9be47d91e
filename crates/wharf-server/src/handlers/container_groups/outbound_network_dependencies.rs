//! GET outboundNetworkDependenciesEndpoints: where the host must reach out to for the group, which
//! is the registries of its images.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};

use super::AtGroup;
use crate::{
    app::App,
    http::{ApiResult, Version},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtGroup,
    Version(_): Version,
) -> ApiResult<Response> {
    let group = app.group(&path.key(&app)?).await?;
    let mut registries: Vec<String> = group
        .spec
        .all_containers()
        .filter_map(|container| wharf_image::registry_of(&container.image))
        .collect();
    registries.sort_unstable();
    registries.dedup();
    Ok(Json(registries).into_response())
}
