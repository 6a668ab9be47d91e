//! POST validate: reads the template and plans its resources; changes nothing.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use uuid::Uuid;
use wharf_arm::deployment::{Deployment, State as Progress, Step};

use super::AtDeployment;
use crate::{
    app::App,
    http::{ApiResult, LenientBody, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtDeployment,
    _: ResourcesVersion,
    LenientBody(body): LenientBody,
) -> ApiResult<Response> {
    let key = path.key(&app)?;
    let parsed = wharf_arm::deployment::parse(&body)?;
    let template = super::plan(&app, &key, &parsed).await?;
    let now = app.clock.now();
    let checked = Deployment {
        state: Progress::Succeeded,
        operation: Uuid::new_v4(),
        parameters: template.shown_parameters(),
        template_hash: wharf_arm::deployment::template_hash(&parsed.template),
        outputs: None,
        error: None,
        steps: template.resources().iter().map(Step::new).collect(),
        started_at: now,
        finished_at: Some(now),
    };
    let mut document = wharf_arm::deployment::render(&key, &checked, &json!({}), now);
    document["properties"]["validatedResources"] =
        template.resources().iter().map(|planned| json!({ "id": planned.id })).collect();
    Ok(Json(document).into_response())
}
