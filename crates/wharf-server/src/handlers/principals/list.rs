//! GET the principals of one kind.

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;

use crate::{app::App, http::ApiResult};

pub(crate) async fn handle(
    State(app): State<App>,
    Path(collection): Path<String>,
) -> ApiResult<Json<Value>> {
    let kind = super::kind(&collection)?;
    let all = app.read(wharf_store::Store::principals).await?;
    let documents: Vec<Value> = all
        .iter()
        .filter(|principal| principal.kind == kind)
        .map(wharf_arm::principal::render)
        .collect();
    Ok(Json(wharf_arm::list::page(&documents, None)))
}
