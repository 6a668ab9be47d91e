//! GET the rules of a security group, without the default ones.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::network::security_rule;

use crate::{
    app::App,
    handlers::{
        security_groups,
        virtual_networks::{etag, read},
    },
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let found = app.found(&security_groups::key(&app, &path)?).await?;
    let (group, etag) = (read(found.security_group())?, etag(&found));
    let render = |rule| security_rule::render(&found.key, rule, &etag);
    let documents: Vec<Value> = group.rules.iter().map(render).collect();
    Ok(Json(wharf_arm::list::page(&documents, None)))
}
