//! POST cancel: 204; what is being made is made to its end, the rest is not begun.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use wharf_arm::deployment::State as Progress;
use wharf_model::{Error, ErrorKind};

use super::AtDeployment;
use crate::{
    app::{App, accept_failed},
    deployments,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtDeployment,
    _: ResourcesVersion,
) -> ApiResult<StatusCode> {
    let key = path.key(&app)?;
    let now = app.clock.now();
    app.blocking(move |store| {
        store.change_resource(now, &key, |current| {
            let current = current.ok_or_else(|| wharf_arm::deployment::not_found(&key))?;
            let mut deployment = deployments::record(current)?;
            if deployment.state.is_final() {
                let message = format!("The deployment '{}' has ended already.", key.name);
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "DeploymentCannotBeCancelled",
                    message,
                ));
            }
            deployment.state = Progress::Canceled;
            deployment.finished_at = Some(now);
            let known = current.content.clone();
            deployments::content(&deployment, known.location, known.tags, known.secret).map(Some)
        })
    })
    .await?
    .map_err(accept_failed)?;
    Ok(StatusCode::NO_CONTENT)
}
