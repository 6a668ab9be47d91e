//! GET all tenants.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
    identity::DOMAIN,
};

pub(crate) async fn handle(State(app): State<App>, _: ResourcesVersion) -> ApiResult<Json<Value>> {
    let id = app.identity.tenant();
    let tenant = json!({
        "id": format!("/tenants/{id}"),
        "tenantId": id,
        "countryCode": "US",
        "displayName": "Wharf",
        "domains": [DOMAIN],
        "tenantCategory": "Home",
        "defaultDomain": DOMAIN,
        "tenantType": "AAD",
    });
    Ok(Json(wharf_arm::list::page(&[tenant], None)))
}
