//! POST: another secret in place of all that a principal had.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use super::AtPrincipal;
use crate::{
    app::{App, store_failed},
    http::{ApiResult, Body},
    identity::secrets,
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((collection, login)): AtPrincipal,
    Body(body): Body,
) -> ApiResult<Json<Value>> {
    let principal = super::find(&app, &collection, &login).await?;
    super::check_changeable(principal.kind)?;
    let secret = wharf_arm::principal::parse_secret(principal.kind, &body)?;
    let (now, id) = (app.clock.now(), principal.id);
    app.blocking(move |store| {
        let secret = secrets::hash(&secret)?;
        store.replace_secrets(now, id, &secret).map_err(|error| store_failed(&error))
    })
    .await??;
    Ok(Json(wharf_arm::principal::render(&principal)))
}
