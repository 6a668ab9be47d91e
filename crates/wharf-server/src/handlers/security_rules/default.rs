//! GET the rules that every security group has, all or one.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::network::{part_not_found, security_rule};
use wharf_model::Name;

use crate::{
    app::App,
    handlers::{security_groups, virtual_networks::etag},
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn list(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let found = app.found(&security_groups::key(&app, &path)?).await?;
    let rules = security_rule::defaults(&found.key, &etag(&found));
    Ok(Json(wharf_arm::list::page(&rules, None)))
}

pub(crate) async fn get(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    let found = app.found(&security_groups::key(&app, &path)?).await?;
    let name = path.part();
    let rules = security_rule::defaults(&found.key, &etag(&found));
    let is_it = |rule: &Value| rule["name"].as_str().map(Name::from).as_ref() == Some(&name);
    let rule = rules.into_iter().find(is_it);
    Ok(Json(rule.ok_or_else(|| part_not_found("default security rule", &name))?))
}
