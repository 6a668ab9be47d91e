//! GET the operations of `Microsoft.ContainerInstance`.

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};

use crate::http::{ApiResult, Version};

pub(crate) async fn handle(Version(_): Version) -> ApiResult<Response> {
    Ok(Json(wharf_arm::provider_operations::render()).into_response())
}
