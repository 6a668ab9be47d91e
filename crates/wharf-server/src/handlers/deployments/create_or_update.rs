//! PUT: 201 with the deployment as it is accepted; its template has been checked by then.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use uuid::Uuid;
use wharf_arm::{
    deployment::{Deployment, Parsed, State as Progress, Step},
    resource_id,
    template::Template,
};

use super::AtDeployment;
use crate::{
    app::{App, accept_failed},
    deployments::{self, Calls, Run},
    handlers::container_groups::retry_hint,
    http::{ApiResult, Base, LenientBody, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtDeployment,
    _: ResourcesVersion,
    (base, calls): (Base, Calls),
    headers: HeaderMap,
    LenientBody(body): LenientBody,
) -> ApiResult<Response> {
    let key = path.key(&app)?;
    let parsed = wharf_arm::deployment::parse(&body)?;
    let template = super::plan(&app, &key, &parsed).await?;
    let deployment = accepted(&app, &parsed, &template);
    let secret = json!({ "template": parsed.template }).to_string().into_bytes();
    let location = app.settings.location.clone();
    let content = deployments::content(&deployment, location, parsed.tags, Some(secret))?;
    let (now, wanted) = (app.clock.now(), key.clone());
    let (stored, is_new) = app
        .blocking(move |store| {
            store.change_resource(now, &wanted, |current| match current {
                Some(current) if !deployments::record(current)?.state.is_final() => {
                    Err(wharf_arm::deployment::active(&wanted))
                }
                Some(_) | None => Ok(Some(content)),
            })
        })
        .await?
        .map_err(accept_failed)?;
    let document = super::document(&app, &stored)?;
    let operation = deployment.operation;
    let run = Run { app: app.clone(), calls, key: stored.key, template, deployment };
    let running = tokio::spawn(run.complete());
    // Short deployments are over before the client's first look, which comes at once.
    drop(tokio::time::timeout(app.settings.hold, running).await);
    let mut headers = retry_hint(headers.get(header::USER_AGENT));
    let url = format!(
        "{}{}/operationStatuses/{operation}?api-version=2025-04-01",
        base.0,
        resource_id::resource(&key)
    );
    if let Ok(url) = HeaderValue::from_str(&url) {
        headers.insert(HeaderName::from_static("azure-asyncoperation"), url);
    }
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, headers, Json(document)).into_response())
}

fn accepted(app: &App, parsed: &Parsed, template: &Template) -> Deployment {
    Deployment {
        state: Progress::Accepted,
        operation: Uuid::new_v4(),
        parameters: template.shown_parameters(),
        template_hash: wharf_arm::deployment::template_hash(&parsed.template),
        outputs: None,
        error: None,
        steps: template.resources().iter().map(Step::new).collect(),
        started_at: app.clock.now(),
        finished_at: None,
    }
}
