//! GET the addresses of this cloud (client-contract.md, "Metadata").

use axum::{
    Json,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    http::{ApiResult, Base, ResourcesVersion},
    identity::ARM_AUDIENCE,
    names,
};

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(rename = "api-version", default)]
    api_version: String,
}

pub(crate) async fn handle(
    State(app): State<App>,
    _: ResourcesVersion,
    Query(asked): Query<Asked>,
    Base(base): Base,
) -> ApiResult<Json<Value>> {
    // The versions before 2022 list clouds.
    let document = document(&base, app.identity.tenant(), &app.settings.render.dns_suffix);
    let is_list = asked.api_version.as_str() < "2022-01-01";
    Ok(Json(if is_list { json!([document]) } else { document }))
}

fn document(base: &str, tenant: &str, suffix: &str) -> Value {
    json!({
        "name": "Wharf",
        "portal": format!("{base}/portal"),
        "authentication": {
            // A path that ends in `adfs` is what keeps clients from asking Microsoft's hosts.
            "loginEndpoint": format!("{base}/adfs"),
            "audiences": [format!("{base}/"), ARM_AUDIENCE],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "homeTenant": tenant,
        "media": base,
        "graphAudience": format!("{base}/graph"),
        "graph": format!("{base}/graph"),
        "activeDirectoryDataLake": format!("{base}/"),
        "batch": base,
        "resourceManager": format!("{base}/"),
        "vmImageAliasDoc": format!("{base}/"),
        "sqlManagement": format!("{base}/"),
        "microsoftGraphResourceId": format!("{base}/graph/"),
        "appInsightsResourceId": format!("{base}/"),
        "gallery": format!("{base}/"),
        "suffixes": {
            "storage": storage(base, suffix),
            "acrLoginServer": registries(base, suffix),
        },
    })
}

/// What names of storage services end with, for a client that reaches the API at `base`.
pub(crate) fn storage(base: &str, suffix: &str) -> String {
    below("core", base, suffix)
}

/// The same for the login servers of registries.
pub(crate) fn registries(base: &str, suffix: &str) -> String {
    below(names::REGISTRIES, base, suffix)
}

fn below(name: &str, base: &str, suffix: &str) -> String {
    let host = base.split_once("://").map_or(base, |(_, host)| host);
    let port = host.rsplit_once(':').map(|(_, port)| format!(":{port}")).unwrap_or_default();
    format!("{name}.{}{port}", suffix.trim_matches('.'))
}
