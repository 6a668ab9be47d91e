//! PUT: 201 for a new subnet, 200 for one that was there.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use wharf_arm::network;

use crate::{
    app::{App, accept_failed},
    auth::Caller,
    handlers::virtual_networks::{check, content, read, wake_groups},
    http::{ApiResult, AtResource, Body, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
    axum::Extension(caller): axum::Extension<Caller>,
    Body(body): Body,
) -> ApiResult<Response> {
    let key = super::key(&app, &path)?;
    let subnet = network::subnet::parse_body(&body, &path.part())?;
    super::check_may_guard(&app, &caller, &key, &subnet).await?;
    let (now, within) = (app.clock.now(), app.clone());
    let (stored, is_new) = app
        .blocking(move |store| {
            let mut is_new = false;
            let written = store.change_virtual_network(now, &key, |current, around| {
                let current = current.ok_or_else(|| wharf_arm::error::resource_not_found(&key))?;
                let before = read(current.virtual_network())?;
                let mut after = before.clone();
                is_new = after.put_subnet(subnet);
                check(&within, &key, (Some(&before), &after), around)?;
                let place = (current.content.location.clone(), current.content.tags.clone());
                content(&after, place)
            });
            written.map(|(stored, _)| (stored, is_new))
        })
        .await?
        .map_err(accept_failed)?;
    wake_groups(&app).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(super::document(&stored, &path)?)).into_response())
}
