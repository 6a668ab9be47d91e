//! GET how this daemon is reached from its host, for tools that set up other clients.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::metadata::endpoints::{registries, storage};
use crate::app::App;

pub(crate) async fn handle(State(app): State<App>) -> Json<Value> {
    let settings = &app.settings;
    Json(json!({
        "resourceManager": settings.address,
        "subscriptionId": settings.subscription.as_str(),
        "tenantId": settings.tenant,
        "storageSuffix": storage(&settings.address, &settings.render.dns_suffix),
        "registrySuffix": registries(&settings.address, &settings.render.dns_suffix),
        "certificateAuthority": settings.certificate_authority,
    }))
}
