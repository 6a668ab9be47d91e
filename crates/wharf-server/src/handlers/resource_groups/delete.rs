//! DELETE: 200 when the resource group and everything in it is gone.

use std::time::Duration;

use axum::{
    extract::{Path, State},
    http::StatusCode,
};

use super::AtResourceGroup;
use crate::{
    app::{App, accept_failed},
    http::{ApiResult, ResourcesVersion},
    ids,
};

/// What removing groups takes at most once their containers have ended.
const TEARDOWN_MAX: Duration = Duration::from_mins(1);

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, name)): AtResourceGroup,
    _: ResourcesVersion,
) -> ApiResult<StatusCode> {
    let key = app.resource_group(&subscription, &name)?;
    let (now, wanted) = (app.clock.now(), key.clone());
    let groups = app
        .blocking(move |store| store.delete_resource_group(now, &wanted, ids::new_operation))
        .await?
        .map_err(accept_failed)?
        .ok_or_else(|| wharf_arm::error::resource_group_not_found(&key))?;
    for id in &groups {
        app.controller.poke(id);
    }
    let limit = app.settings.grace + TEARDOWN_MAX;
    let waits = groups.iter().map(|id| app.controller.wait_gone(id, limit));
    let all_gone = futures::future::join_all(waits).await.into_iter().all(|gone| gone);
    Ok(if all_gone { StatusCode::OK } else { StatusCode::ACCEPTED })
}
