//! GET the assignments that apply at a scope, and those below it unless `$filter` is `atScope()`.

use axum::{
    Json,
    extract::{Query, State},
    http::Uri,
};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;
use wharf_model::{
    Error,
    access::{RoleAssignment, covers},
};

use crate::{
    app::App,
    http::{ApiResult, ResourcesVersion},
};

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(rename = "$filter")]
    filter: Option<String>,
}

#[derive(Default)]
struct Wanted {
    is_at_scope_only: bool,
    principal: Option<Uuid>,
}

pub(crate) async fn handle(
    State(app): State<App>,
    uri: Uri,
    _: ResourcesVersion,
    Query(asked): Query<Asked>,
) -> ApiResult<Json<Value>> {
    let wanted = parse(asked.filter.as_deref().unwrap_or_default())?;
    let scope = wharf_arm::role::split_path(uri.path()).0.to_owned();
    let renderer = app.clone();
    let documents = app
        .read(move |store| {
            let all = store.role_assignments()?;
            let listed = all.iter().filter(|assignment| matches(assignment, &scope, &wanted));
            listed
                .map(|assignment| super::render(&renderer, store, assignment))
                .collect::<Result<Vec<_>, _>>()
        })
        .await?;
    Ok(Json(wharf_arm::list::page(&documents, None)))
}

fn matches(assignment: &RoleAssignment, scope: &str, wanted: &Wanted) -> bool {
    let is_below = !wanted.is_at_scope_only && covers(scope, &assignment.scope);
    (covers(&assignment.scope, scope) || is_below)
        && wanted.principal.is_none_or(|principal| principal == assignment.principal)
}

fn parse(filter: &str) -> Result<Wanted, Error> {
    let mut wanted = Wanted::default();
    for term in filter.split(" and ").map(str::trim).filter(|term| !term.is_empty()) {
        let folded = term.to_ascii_lowercase();
        if folded == "atscope()" {
            wanted.is_at_scope_only = true;
            continue;
        }
        let is_principal = folded.starts_with("principalid eq ")
            || folded.starts_with("assignedto(")
            || folded.starts_with("assignedto eq ");
        let id = term.split('\'').nth(1).and_then(|id| Uuid::parse_str(id).ok());
        let Some(id) = id.filter(|_| is_principal) else {
            let message = format!("The term '{term}' of the filter is not understood.");
            return Err(Error::invalid("InvalidFilter", message, "$filter"));
        };
        wanted.principal = Some(id);
    }
    Ok(wanted)
}
