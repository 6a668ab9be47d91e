//! POST: makes one of the two keys anew. What is mounted stays mounted.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::storage::STORAGE_ACCOUNT;
use wharf_arm::storage::keys::{Keys, parse_regenerate};
use wharf_store::ResourceContent;

use super::create_or_update::new_key;
use crate::{
    app::{App, accept_failed, sealed, secret},
    http::{ApiResult, AtResource, Body, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<Json<Value>> {
    let key = path.key(&app, STORAGE_ACCOUNT)?;
    let place = parse_regenerate(&body)?;
    let now = app.clock.now();
    let fresh = new_key(now)?;
    let (resource, _) = app
        .blocking(move |store| {
            store.change_resource(now, &key, |current| {
                let current = current.ok_or_else(|| wharf_arm::error::resource_not_found(&key))?;
                let mut all: Keys = secret(current)?;
                all.0[place] = fresh;
                Ok(Some(ResourceContent { secret: Some(sealed(&all)?), ..current.content.clone() }))
            })
        })
        .await?
        .map_err(accept_failed)?;
    Ok(Json(secret::<Keys>(&resource)?.render()))
}
