//! PUT: 201 for a new identity, 200 for one that was there, which keeps its ids. PATCH: the same
//! for one that is there.

use axum::{
    Json,
    extract::{Path, State},
    http::{Method, StatusCode},
    response::{IntoResponse as _, Response},
};
use wharf_arm::managed_identity::USER_ASSIGNED;
use wharf_model::Error;
use wharf_store::ResourceContent;

use crate::{
    app::{App, accept_failed},
    handlers::container_groups::identity::managed,
    http::{ApiResult, AtResource, Body, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    method: Method,
    Path(path): AtResource,
    _: ResourcesVersion,
    Body(body): Body,
) -> ApiResult<Response> {
    let key = path.key(&app, USER_ASSIGNED)?;
    wharf_arm::managed_identity::check_name(key.name.as_str())?;
    let parsed = wharf_arm::resource_group::parse(&body)?;
    let (wanted, now) = (key.clone(), app.clock.now());
    let is_patch = method == Method::PATCH;
    let decide = move |current: Option<&wharf_store::Resource>| {
        let location = match (current, parsed.location) {
            (Some(current), _) => current.content.location.clone(),
            (None, _) if is_patch => return Err(wharf_arm::error::resource_not_found(&wanted)),
            (None, Some(location)) => location,
            (None, None) => {
                let message = "The location property is required for this definition.";
                return Err(Error::invalid("LocationRequired", message, "location"));
            }
        };
        let kept = current.filter(|_| is_patch).map(|current| current.content.tags.clone());
        let tags = parsed.tags.or(kept).unwrap_or_else(|| "{}".to_owned());
        let document = "{}".to_owned();
        Ok(Some(ResourceContent { location, tags, document, secret: None }))
    };
    let written = app.blocking(move |store| store.change_resource(now, &key, decide)).await?;
    let (resource, is_new) = written.map_err(accept_failed)?;
    // After the resource, so that none is left without one: asking again makes what is missing.
    let principal = managed(&app, &super::id(&resource.key), resource.key.name.as_str()).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(super::document(&app, &resource, &principal))).into_response())
}
