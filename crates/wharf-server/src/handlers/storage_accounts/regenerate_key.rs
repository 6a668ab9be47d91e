//! POST: makes one of the two keys anew. What is mounted stays mounted.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::storage::keys::parse_regenerate;
use wharf_model::Error;

use super::{AtAccount, create_or_update::new_key};
use crate::{
    app::{App, accept_failed},
    file_shares::keys,
    http::{ApiResult, Body, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtAccount,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<Json<Value>> {
    let key = path.key(&app)?;
    let place = parse_regenerate(&body)?;
    let now = app.clock.now();
    let fresh = new_key(now)?;
    let (resource, _) = app
        .blocking(move |store| {
            store.change_resource(now, &key, |current| {
                let current = current.ok_or_else(|| wharf_arm::network::not_found(&key))?;
                let mut all = keys(current)?;
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
    Ok(Json(keys(&resource)?.render()))
}
