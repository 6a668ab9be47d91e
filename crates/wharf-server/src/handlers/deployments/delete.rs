//! DELETE: forgets the deployment; what it has made stays.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use wharf_model::ErrorKind;

use super::AtDeployment;
use crate::{
    app::{App, accept_failed},
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtDeployment,
    _: ResourcesVersion,
) -> ApiResult<StatusCode> {
    let key = path.key(&app)?;
    match super::find(&app, &key).await {
        Ok((_, record)) if !record.state.is_final() => {
            return Err(wharf_arm::deployment::active(&key).into());
        }
        Err(error) if error.kind != ErrorKind::NotFound => return Err(error.into()),
        Ok(_) | Err(_) => {}
    }
    app.blocking(move |store| store.delete_resource(&key))
        .await?
        .map_err(|error| accept_failed(error.into()))?;
    Ok(StatusCode::NO_CONTENT)
}
