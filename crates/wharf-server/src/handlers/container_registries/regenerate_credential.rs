//! POST: makes one of the two passwords anew.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::container_registry::REGISTRY;
use wharf_arm::container_registry::{
    credentials::{Passwords, not_enabled, parse_regenerate},
    has_admin,
};
use wharf_store::ResourceContent;

use super::create_or_update::new_password;
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
    let key = path.key(&app, REGISTRY)?;
    let place = parse_regenerate(&body)?;
    let now = app.clock.now();
    let fresh = new_password()?;
    let (resource, _) = app
        .blocking(move |store| {
            store.change_resource(now, &key, |current| {
                let current = current.ok_or_else(|| wharf_arm::error::resource_not_found(&key))?;
                if !has_admin(&super::stored(&current.content).2) {
                    return Err(not_enabled(key.name.as_str()));
                }
                let mut all: Passwords = secret(current)?;
                all.0[place] = fresh;
                Ok(Some(ResourceContent { secret: Some(sealed(&all)?), ..current.content.clone() }))
            })
        })
        .await?
        .map_err(accept_failed)?;
    Ok(Json(secret::<Passwords>(&resource)?.render(resource.key.name.as_str())))
}
