//! GET whether a group can have a DNS name label (`Microsoft.Network/locations`).

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_arm::{container_group::is_dns_label, location::normalise};
use wharf_model::{Error, spec::dns_name};

use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(rename = "domainNameLabel", default)]
    label: String,
}

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, location)): Path<(String, String)>,
    _: ResourcesVersion,
    Query(Asked { label }): Query<Asked>,
) -> ApiResult<Json<Value>> {
    app.subscription(&subscription)?;
    if !is_dns_label(&label) {
        let message = format!(
            "The domain name label {label} is invalid. It has 5 to 63 lowercase letters, digits and \
             hyphens, begins with a letter and does not end with a hyphen."
        );
        return Err(Error::invalid("InvalidDomainNameLabel", message, "domainNameLabel").into());
    }
    let name = dns_name(&label, None, &normalise(&location));
    let is_taken = app.read(move |store| store.has_name(&name)).await?;
    Ok(Json(json!({ "available": !is_taken })))
}
