//! POST: removes the images that no container group names.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};

use crate::{app::App, http::ApiResult};

pub(crate) async fn handle(State(app): State<App>) -> ApiResult<Response> {
    let pruning = app.images.begin_pruning().await;
    let groups = app
        .read(|store| {
            let ids = store.group_ids()?;
            ids.iter().map(|id| store.group_by_id(id)).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let in_use: Vec<String> = groups
        .iter()
        .flatten()
        .flat_map(|group| group.spec.all_containers().map(|c| c.image.clone()))
        .collect();
    let removed = pruning.remove(&in_use).await.map_err(|error| super::image_failed(&error))?;
    Ok(Json(removed).into_response())
}
