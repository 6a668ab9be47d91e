//! POST: begins a login with a code on another device.

use axum::{
    Form, Json,
    extract::{State, rejection::FormRejection},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{InTenant, OAuthError, check_tenant, resource};
use crate::{app::App, http::Base, identity::device};

#[derive(Deserialize)]
pub(crate) struct Request {
    #[serde(default)]
    client_id: String,
    scope: Option<String>,
    resource: Option<String>,
}

pub(crate) async fn handle(
    State(app): State<App>,
    tenant: InTenant,
    Base(base): Base,
    form: Result<Form<Request>, FormRejection>,
) -> Result<Json<Value>, OAuthError> {
    check_tenant(&app, &tenant)?;
    let Form(request) = form.map_err(|error| OAuthError::invalid_request(error.body_text()))?;
    if request.client_id.is_empty() || request.client_id.len() > 128 {
        let message = "The request body must contain the following parameter: 'client_id'.";
        return Err(OAuthError::invalid_request(message));
    }
    let resource = resource(request.resource.as_deref(), request.scope.as_deref());
    let now = app.identity.now();
    let begun = app.identity.devices().begin(now, &request.client_id, resource);
    let (device_code, user_code) = begun.ok_or_else(|| {
        OAuthError::new("slow_down", 90_033, "Too many logins are under way; try again later.")
    })?;
    let page = format!("{base}/device");
    Ok(Json(json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": page,
        "verification_url": page,
        "expires_in": device::LIFETIME.as_secs(),
        "interval": 1,
        "message": format!("To sign in, open {page} and enter the code {user_code}."),
    })))
}
