//! PUT: 201 for a new network, 200 for one that was there. Subnets that the body does not name are
//! removed, unless it names none at all.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use uuid::Uuid;
use wharf_arm::network::virtual_network;

use crate::{
    app::{App, accept_failed},
    auth::Caller,
    handlers::subnets::check_may_guard,
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
    wharf_arm::network::check_name(key.name.as_str())?;
    let parsed = virtual_network::parse(&body)?;
    for subnet in parsed.subnets() {
        check_may_guard(&app, &caller, &key, subnet).await?;
    }
    let (now, within) = (app.clock.now(), app.clone());
    let (stored, is_new) = app
        .blocking(move |store| {
            store.change_virtual_network(now, &key, |current, around| {
                let before =
                    current.map(|found| super::read(found.virtual_network())).transpose()?;
                let place = (parsed.location.clone(), parsed.tags.clone());
                let after = parsed.network(before.as_ref(), Uuid::new_v4());
                super::check(&within, &key, (before.as_ref(), &after), around)?;
                super::content(&after, place)
            })
        })
        .await?
        .map_err(accept_failed)?;
    super::wake_groups(&app).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(super::document(&stored)?)).into_response())
}
