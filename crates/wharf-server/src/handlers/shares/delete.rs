//! DELETE a share or a snapshot of it: 200 when it was there, 204 when not. A share that a running
//! group has mounted is not deleted.

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use wharf_arm::storage::{STORAGE_ACCOUNT, share};
use wharf_files::{Code, WithSnapshots};
use wharf_model::Error;

use crate::{
    app::App,
    http::{ApiResult, AtResource, ResourcesVersion},
};

#[derive(Debug, Deserialize)]
pub(crate) struct Include {
    /// What goes with a share: its snapshots, unless this is `none`.
    #[serde(rename = "$include", default)]
    word: String,
}

impl Include {
    fn snapshots(&self) -> Result<WithSnapshots, Error> {
        match self.word.to_ascii_lowercase().as_str() {
            "none" => Ok(WithSnapshots::Refuse),
            "" | "snapshots" | "leased-snapshots" => Ok(WithSnapshots::Delete),
            _ => {
                let rule = "is 'snapshots', 'leased-snapshots' or 'none'";
                let (code, what) = ("InvalidQueryParameterValue", "the parameter $include");
                Err(share::unknown_value(code, what, rule))
            }
        }
    }
}

pub(crate) async fn handle(
    State(app): State<App>,
    Path(path): AtResource,
    _: ResourcesVersion,
    Query(include): Query<Include>,
    headers: HeaderMap,
) -> ApiResult<StatusCode> {
    let account = path.find(&app, STORAGE_ACCOUNT).await?;
    let name = path.part().as_str().to_owned();
    let snapshot = super::snapshot(&headers)?;
    if snapshot.is_none() {
        super::check_unused(&app, &account, Some(&name)).await?;
    }
    let with = include.snapshots()?;
    let owner = account.key.name.as_str().to_owned();
    let was_there = app
        .files
        .blocking(move |shares| {
            let deleted = match &snapshot {
                Some(snapshot) => shares.delete_snapshot(&owner, &name, snapshot),
                None => shares.delete(&owner, &name, with),
            };
            let is_gone = |code| matches!(code, Code::ShareNotFound | Code::ShareSnapshotNotFound);
            match deleted {
                Err(error) if is_gone(error.code()) => Ok(false),
                other => other.map(|()| true),
            }
        })
        .await?;
    Ok(if was_there { StatusCode::OK } else { StatusCode::NO_CONTENT })
}
