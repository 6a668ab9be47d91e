//! DELETE: 200 when it was there, 204 when not; refused while a group is in it.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use crate::{
    app::{App, accept_failed},
    handlers::virtual_networks::{content, read},
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<StatusCode> {
    let (key, name) = (super::key(&app, &path)?, path.part());
    if app.resource(&key).await?.is_none() {
        return Ok(StatusCode::NO_CONTENT);
    }
    let now = app.clock.now();
    let was_there = app
        .blocking(move |store| {
            let mut was_there = false;
            let written = store.change_virtual_network(now, &key, |current, around| {
                let current = current.ok_or_else(|| wharf_arm::error::resource_not_found(&key))?;
                let before = read(current.virtual_network())?;
                let mut after = before.clone();
                after.subnets.retain(|subnet| subnet.name != name);
                was_there = after != before;
                after.check_uses(&before, &around.uses)?;
                let place = (current.content.location.clone(), current.content.tags.clone());
                content(&after, place)
            });
            written.map(|_| was_there)
        })
        .await?
        .map_err(accept_failed)?;
    Ok(if was_there { StatusCode::OK } else { StatusCode::NO_CONTENT })
}
