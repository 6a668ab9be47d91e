//! PUT: makes an account with two keys, or changes one, which keeps its keys. PATCH: changes one
//! that is there. Azure answers 202 first and 200 in the end; here the end comes at once.

use axum::{
    Json,
    extract::{Path, State},
    http::Method,
};
use serde_json::Value;
use wharf_arm::storage::STORAGE_ACCOUNT;
use wharf_arm::storage::{
    self, account,
    keys::{KEY_LENGTH, Key, Keys},
};
use wharf_model::Error;
use wharf_store::ResourceContent;

use crate::{
    app::{App, accept_failed, sealed},
    http::{ApiResult, AtResource, Base, Body, ResourcesVersion},
    ids,
};

pub(crate) async fn handle(
    State(app): State<App>,
    method: Method,
    Path(path): AtResource,
    _: ResourcesVersion,
    base: Base,
    Body(body): Body,
) -> ApiResult<Json<Value>> {
    let key = path.key(&app, STORAGE_ACCOUNT)?;
    let is_patch = method == Method::PATCH;
    let parsed = if is_patch { account::parse_patch(&body) } else { account::parse(&body) }?;
    storage::check_name(key.name.as_str())?;
    let now = app.clock.now();
    let _held = app.hold().await;
    forget_namesake(&app, key.name.as_str()).await?;
    let (resource, _) = app
        .blocking(move |store| {
            let taken = storage::already_taken(key.name.as_str());
            store.change_unique_resource(now, &key, taken, |current| {
                if is_patch && current.is_none() {
                    return Err(wharf_arm::error::resource_not_found(&key));
                }
                let before = current.map(|current| super::stored(&current.content));
                let secret = current.and_then(|current| current.content.secret.clone());
                let secret = secret.map_or_else(|| new_keys(now), Ok)?;
                let (location, tags, document) = parsed.apply(before.as_ref());
                let document = document.to_string();
                Ok(ResourceContent { location, tags, document, secret: Some(secret) })
            })
        })
        .await?
        .map_err(accept_failed)?;
    Ok(Json(super::document(&resource, &base)))
}

/// An account that was deleted leaves nothing to a new one of its name.
async fn forget_namesake(app: &App, name: &str) -> Result<(), Error> {
    let wanted = name.to_owned();
    if app.read(move |store| store.unique_resource(STORAGE_ACCOUNT, &wanted)).await?.is_some() {
        return Ok(());
    }
    let name = name.to_owned();
    app.files.blocking(move |shares| shares.delete_account(&name)).await
}

fn new_keys(now: jiff::Timestamp) -> Result<Vec<u8>, Error> {
    let keys = Keys([new_key(now)?, new_key(now)?]);
    sealed(&keys)
}

pub(super) fn new_key(now: jiff::Timestamp) -> Result<Key, Error> {
    let mut bytes = [0; KEY_LENGTH];
    ids::fill(&mut bytes).map_err(|_| Error::internal("no random bytes for a key"))?;
    Ok(Key::new(&bytes, now))
}
