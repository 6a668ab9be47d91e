//! POST: the keys of an account.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use super::AtAccount;
use crate::{
    app::App,
    file_shares::keys,
    http::{ApiResult, ResourcesVersion},
};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtAccount,
    _: ResourcesVersion,
) -> ApiResult<Json<Value>> {
    Ok(Json(keys(&path.find(&app).await?)?.render()))
}
