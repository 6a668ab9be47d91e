//! POST whatIf: what deploying would change.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use wharf_arm::{resource_id, whatif};

use super::AtDeployment;
use crate::{
    app::App,
    deployments::{self, Calls},
    http::{ApiResult, LenientBody, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtDeployment,
    _: ResourcesVersion,
    calls: Calls,
    LenientBody(body): LenientBody,
) -> ApiResult<Response> {
    let key = path.key(&app)?;
    let parsed = wharf_arm::deployment::parse(&body)?;
    let template = super::plan(&app, &key, &parsed).await?;
    let mut changes = match deployments::what_if(&template, &calls).await {
        Ok(changes) => changes,
        Err(error) => {
            return Ok(Json(json!({ "status": "Failed", "error": error })).into_response());
        }
    };
    let home = resource_id::resource_group(&key.resource_group);
    let mut others: Vec<_> = deployments::present(&calls, &home).await.into_iter().collect();
    others.sort_by(|a, b| a.0.cmp(&b.0));
    for (id, entry) in others {
        if template.position(&id).is_none() {
            changes.push(whatif::ignored(&entry));
        }
    }
    Ok(Json(json!({ "status": "Succeeded", "properties": { "changes": changes } })).into_response())
}
