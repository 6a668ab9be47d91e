//! GET the findings of the invariant checker.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use serde_json::json;
use wharf_model::{
    group::{Group, Power},
    status::GroupState,
};
use wharf_runtime::embedded::doctor::{Check, Known};

use crate::{app::App, http::ApiResult};

pub(crate) async fn handle(State(app): State<App>) -> ApiResult<Response> {
    let groups = app
        .read(|store| {
            let ids = store.group_ids()?;
            ids.iter().map(|id| store.group_by_id(id)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let known: Vec<Known> = groups.iter().flatten().map(known).collect();
    let mut checks = app.controller.backend().doctor(&known).await;
    let wrong = app.files.check().await?;
    checks.push(Check::new("file shares are whole", wrong));
    let is_clean = checks.iter().all(|check| check.ok);
    Ok(Json(json!({ "clean": is_clean, "checks": checks })).into_response())
}

fn known(group: &Group) -> Known {
    let is_up = group.power == Power::Running && group.is_settled;
    Known {
        id: group.id.clone(),
        endpoint: match &group.private {
            Some(place) => Some(place.into()),
            None => group.address.map(Into::into),
        },
        is_running: is_up && group.status.state == GroupState::Running,
        // A group that has ended on its own may still be about to be cleared up.
        is_at_rest: group.is_settled && group.power == Power::Stopped,
    }
}
