//! GET logs of a container (semantics.md §15).

use axum::{
    Json,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::json;
use wharf_model::{
    ContainerName, Error,
    backend::{Backend as _, LogQuery},
    error::chain,
    group::{Group, Power},
};

use super::ContainerPath;
use crate::{
    app::App,
    http::{ApiResult, Version},
};

#[derive(Debug, Deserialize)]
pub(crate) struct Params {
    tail: Option<String>,
    timestamps: Option<String>,
    /// Not of Azure: the log of the run before.
    previous: Option<String>,
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
        let flag = |name: &str, text: &Option<String>| match text.as_deref().unwrap_or("false") {
            text if text.eq_ignore_ascii_case("true") => Ok(true),
            text if text.eq_ignore_ascii_case("false") || text.is_empty() => Ok(false),
            text => Err(invalid(name, text, "'true' or 'false'")),
        };
        Ok(LogQuery {
            tail: tail.transpose()?,
            timestamps: flag("timestamps", &self.timestamps)?,
            previous: flag("previous", &self.previous)?,
            is_short: false,
        })
    }
}

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): Path<ContainerPath>,
    Version(_): Version,
    Query(params): Query<Params>,
) -> ApiResult<Response> {
    let query = params.query()?;
    let (group, name) = path.find(&app).await?;
    let query = LogQuery { is_short: !is_live(&group, &name), ..query };
    let content = app
        .controller
        .backend()
        .logs(&group.id, &name, query)
        .await
        .map_err(|error| Error::internal(chain(&error)))?
        .ok_or_else(|| wharf_arm::error::log_not_available(&path.container, &group.key))?;
    Ok(Json(json!({ "content": content })).into_response())
}

/// Whether the container runs or will run again. Azure keeps less of the others' logs (§3).
fn is_live(group: &Group, name: &ContainerName) -> bool {
    let status = group.status.containers.get(name);
    group.power == Power::Running
        && status.is_some_and(|status| status.is_running() || status.waiting.is_some())
}
