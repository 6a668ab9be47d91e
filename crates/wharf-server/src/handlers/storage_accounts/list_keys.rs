//! POST: the keys of an account.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use wharf_arm::storage::{STORAGE_ACCOUNT, keys::Keys};

use crate::{
    app::{App, secret},
    http::{ApiResult, AtResource, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    Ok(Json(secret::<Keys>(&path.find(&app, STORAGE_ACCOUNT).await?)?.render()))
}
