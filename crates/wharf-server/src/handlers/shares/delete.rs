//! DELETE: 200 when it was there, 204 when not; refused while a running group has it mounted.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use wharf_arm::storage::STORAGE_ACCOUNT;
use wharf_files::Code;

use crate::{
    app::App,
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<StatusCode> {
    let account = path.find(&app, STORAGE_ACCOUNT).await?;
    let name = path.part().as_str().to_owned();
    super::check_unused(&app, &account, Some(&name)).await?;
    let owner = account.key.name.as_str().to_owned();
    let was_there = app
        .files
        .blocking(move |shares| match shares.delete(&owner, &name) {
            Ok(()) => Ok(true),
            Err(error) if error.code() == Code::ShareNotFound => Ok(false),
            Err(error) => Err(error),
        })
        .await?;
    Ok(if was_there { StatusCode::OK } else { StatusCode::NO_CONTENT })
}
