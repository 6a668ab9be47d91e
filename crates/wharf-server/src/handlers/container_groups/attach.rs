//! POST attach of a container (semantics.md §17): the address and the password of a session that
//! shows what the container writes from now on, as Docker and Kubernetes do; what it has written
//! is in its log.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use wharf_model::{Error, error::chain};

use super::ContainerPath;
use crate::{
    app::App,
    http::{ApiResult, Base, Version},
    sessions::Purpose,
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): Path<ContainerPath>,
    Version(_): Version,
    base: Base,
) -> ApiResult<Response> {
    let (group, container) = path.find_running(&app).await?;
    // From here on, not from when the client connects: nothing in between is lost.
    let follower = app
        .controller
        .backend()
        .follow(&group.id, &container)
        .await
        .map_err(|error| Error::internal(chain(&error)))?
        .ok_or_else(|| wharf_arm::exec::not_running(&path.container, &group.key))?;
    let given = app.tickets.give(group.id, container, Purpose::Attach(Box::new(follower)));
    let uri = format!("{}/attach/{}", base.web_socket(), given.session);
    Ok(Json(wharf_arm::exec::answer(&uri, &given.password)).into_response())
}
