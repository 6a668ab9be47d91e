//! PUT: 201 for a new security group, 200 for one that was there. Its rules are replaced, and apply
//! at once to the groups that it guards.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use uuid::Uuid;
use wharf_arm::network::security_group;

use crate::{
    app::{App, accept_failed},
    handlers::virtual_networks::{content, read, wake_groups},
    http::{ApiResult, AtResource, Body, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<Response> {
    let key = super::key(&app, &path)?;
    wharf_arm::network::check_name(key.name.as_str())?;
    let parsed = security_group::parse(&body)?;
    let now = app.clock.now();
    let (stored, is_new) = app
        .blocking(move |store| {
            store.change_resource(now, &key, |current| {
                let before = current.map(|found| read(found.security_group())).transpose()?;
                let place = (parsed.location.clone(), parsed.tags.clone());
                let after = parsed.group(before.as_ref(), Uuid::new_v4())?;
                content(&after, place).map(Some)
            })
        })
        .await?
        .map_err(accept_failed)?;
    wake_groups(&app).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(super::document(&app, &stored).await?)).into_response())
}
