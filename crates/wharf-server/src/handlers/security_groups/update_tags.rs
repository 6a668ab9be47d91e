//! PATCH: replaces the tags of a security group.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use crate::{
    app::{App, accept_failed},
    http::{ApiResult, AtResource, Body, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<Json<Value>> {
    let key = super::key(&app, &path)?;
    let tags = wharf_arm::resource_group::parse(&body)?.tags;
    let now = app.clock.now();
    let stored = app
        .blocking(move |store| {
            store.change_resource(now, &key, |current| {
                let current = current.ok_or_else(|| wharf_arm::error::resource_not_found(&key))?;
                let mut content = current.content.clone();
                content.tags = tags.unwrap_or(content.tags);
                Ok(Some(content))
            })
        })
        .await?
        .map_err(accept_failed)?;
    Ok(Json(super::document(&app, &stored.0).await?))
}
