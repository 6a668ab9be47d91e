//! GET logs of a container (semantics.md §15).

use axum::{
    Json,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::json;
use wharf_model::{
    ContainerName, Error, GroupKey, Name,
    backend::{Backend as _, LogQuery},
    error::chain,
};

use crate::{
    app::App,
    http::{ApiResult, Version},
};

#[derive(Debug, Deserialize)]
pub(crate) struct ContainerPath {
    subscription: String,
    resource_group: String,
    group: String,
    container: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Params {
    tail: Option<String>,
    timestamps: Option<String>,
}

impl Params {
    fn query(&self) -> Result<LogQuery, Error> {
        let invalid = |name: &str, text: &str, what: &str| {
            let message = format!("The value '{text}' of the parameter '{name}' is not {what}.");
            Error::invalid("InvalidParameter", message, name)
        };
        let tail = self
            .tail
            .as_deref()
            .filter(|text| !text.is_empty())
            .map(|text| text.parse().map_err(|_| invalid("tail", text, "a number of lines")));
        let timestamps = match self.timestamps.as_deref().unwrap_or("false") {
            text if text.eq_ignore_ascii_case("true") => true,
            text if text.eq_ignore_ascii_case("false") || text.is_empty() => false,
            text => return Err(invalid("timestamps", text, "'true' or 'false'")),
        };
        Ok(LogQuery { tail: tail.transpose()?, timestamps })
    }
}

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): Path<ContainerPath>,
    Version(_): Version,
    Query(params): Query<Params>,
) -> ApiResult<Response> {
    let resource_group = app.resource_group(&path.subscription, &path.resource_group)?;
    let key = GroupKey { resource_group, name: Name::new(&path.group) };
    let query = params.query()?;
    let group = app.group(&key).await?;
    let not_found = || wharf_arm::error::container_not_found(&path.container, &key);
    let name = ContainerName::parse(&path.container.to_ascii_lowercase()).ok_or_else(not_found)?;
    if group.spec.container(&name).is_none() {
        return Err(not_found().into());
    }
    let content = app
        .controller
        .backend()
        .logs(&group.id, &name, query)
        .await
        .map_err(|error| Error::internal(chain(&error)))?
        .ok_or_else(|| wharf_arm::error::log_not_available(&path.container, &key))?;
    Ok(Json(json!({ "content": content })).into_response())
}
