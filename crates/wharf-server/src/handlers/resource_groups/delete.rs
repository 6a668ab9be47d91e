//! DELETE: 200 when the resource group and everything in it is gone, 202 with a place to look at
//! while that takes longer.

use std::time::Duration;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::AtResourceGroup;
use crate::{
    app::{App, accept_failed},
    handlers::container_groups::retry_hint,
    http::{ApiResult, Base, ResourcesVersion},
    ids,
};

/// How long the answer is held if that is enough to remove all.
const HOLD: Duration = Duration::from_secs(2);

pub(crate) async fn handle(
    State(app): State<App>,
    Path((subscription, name)): AtResourceGroup,
    _: ResourcesVersion,
    base: Base,
    headers: HeaderMap,
) -> ApiResult<Response> {
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
    let waits = groups.iter().map(|id| app.controller.wait_gone(id, HOLD));
    let all_gone = futures::future::join_all(waits).await.into_iter().all(|gone| gone);
    if all_gone {
        app.sweep().await?;
        return Ok(StatusCode::OK.into_response());
    }
    let mut answer = retry_hint(headers.get(header::USER_AGENT));
    super::add_location(&mut answer, &base, &key);
    Ok((StatusCode::ACCEPTED, answer).into_response())
}
