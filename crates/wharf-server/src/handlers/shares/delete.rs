//! DELETE: 200 when it was there, 204 when not; refused while a running group has it mounted.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use wharf_files::Code;

use crate::{
    app::App,
    handlers::storage_accounts::AtAccount,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtAccount,
    _: ResourcesVersion,
) -> ApiResult<StatusCode> {
    let account = path.find(&app).await?;
    let name = path.share.unwrap_or_default();
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
