//! POST: makes one of the two passwords anew.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::container_registry::{
    credentials::{not_enabled, parse_regenerate},
    has_admin,
};
use wharf_model::Error;

use super::{AtRegistry, create_or_update::new_password};
use crate::{
    app::{App, accept_failed},
    http::{ApiResult, Body, ResourcesVersion},
    registries::passwords,
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtRegistry,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<Json<Value>> {
    let key = path.key(&app)?;
    let place = parse_regenerate(&body)?;
    let now = app.clock.now();
    let fresh = new_password()?;
    let (resource, _) = app
        .blocking(move |store| {
            store.change_resource(now, &key, |current| {
                let current = current.ok_or_else(|| wharf_arm::network::not_found(&key))?;
                if !has_admin(&super::stored(&current.content).2) {
                    return Err(not_enabled(key.name.as_str()));
                }
                let mut all = passwords(current)?;
                all.0[place] = fresh;
                let secret = serde_json::to_vec(&all);
                let secret = secret.map_err(|error| Error::internal(error.to_string()))?;
                let mut content = current.content.clone();
                content.secret = Some(secret);
                Ok(Some(content))
            })
        })
        .await?
        .map_err(accept_failed)?;
    Ok(Json(passwords(&resource)?.render(resource.key.name.as_str())))
}
