//! PUT: makes a registry with two passwords of its admin user, or changes one, which keeps them.
//! PATCH: changes one that is there. Azure answers 201 first; here the end comes at once.

use axum::{
    Json,
    extract::{Path, State},
    http::{Method, StatusCode},
};
use serde_json::Value;
use wharf_arm::container_registry::{
    self, REGISTRY,
    credentials::{PASSWORD_LENGTH, Passwords, password},
};
use wharf_model::Error;
use wharf_store::ResourceContent;

use crate::{
    app::{App, accept_failed, sealed},
    http::{ApiResult, AtResource, Body, ResourcesVersion},
    ids,
};

pub(crate) async fn handle(
    State(app): State<App>,
    method: Method,
    Path(path): AtResource,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<(StatusCode, Json<Value>)> {
    let key = path.key(&app, REGISTRY)?;
    let is_patch = method == Method::PATCH;
    let parsed = if is_patch {
        container_registry::parse_patch(&body)?
    } else {
        container_registry::parse(&body)?
    };
    container_registry::check_name(key.name.as_str())?;
    let now = app.clock.now();
    let _held = app.hold().await;
    forget_namesake(&app, key.name.as_str()).await?;
    let (resource, is_new) = app
        .blocking(move |store| {
            let taken = container_registry::already_taken(key.name.as_str());
            store.change_unique_resource(now, &key, taken, |current| {
                if is_patch && current.is_none() {
                    return Err(wharf_arm::error::resource_not_found(&key));
                }
                let before = current.map(|current| super::stored(&current.content));
                let secret = current.and_then(|current| current.content.secret.clone());
                let secret = secret.map_or_else(new_passwords, Ok)?;
                let (location, tags, document) = parsed.apply(before.as_ref());
                let document = document.to_string();
                Ok(ResourceContent { location, tags, document, secret: Some(secret) })
            })
        })
        .await?
        .map_err(accept_failed)?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(super::document(&app, &resource))))
}

/// A registry that was deleted leaves nothing to a new one of its name.
async fn forget_namesake(app: &App, name: &str) -> Result<(), Error> {
    let wanted = name.to_owned();
    if app.read(move |store| store.unique_resource(REGISTRY, &wanted)).await?.is_some() {
        return Ok(());
    }
    let name = name.to_ascii_lowercase();
    app.registries.blocking(move |storage| storage.delete_registry(&name)).await
}

fn new_passwords() -> Result<Vec<u8>, Error> {
    let passwords = Passwords([new_password()?, new_password()?]);
    sealed(&passwords)
}

pub(super) fn new_password() -> Result<String, Error> {
    let mut bytes = [0; PASSWORD_LENGTH];
    ids::fill(&mut bytes).map_err(|_| Error::internal("no random bytes for a password"))?;
    Ok(password(&bytes))
}
