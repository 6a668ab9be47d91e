//! GET all roles that can be assigned at a scope, or the one of a name.

use axum::{
    Json,
    extract::{Query, State},
    http::Uri,
};
use serde::Deserialize;
use serde_json::Value;
use wharf_model::{
    Error,
    access::{Role, covers},
};

use crate::{
    app::App,
    handlers::role_assignments::all_roles,
    http::{ApiResult, ResourcesVersion},
};

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(rename = "$filter")]
    filter: Option<String>,
}

pub(crate) async fn handle(
    State(app): State<App>,
    uri: Uri,
    _: ResourcesVersion,
    Query(asked): Query<Asked>,
) -> ApiResult<Json<Value>> {
    let scope = wharf_arm::role::split_path(uri.path()).0;
    let subscription = app.settings.subscription.as_str();
    let roles = app.read(all_roles).await?;
    let mut documents = Vec::new();
    for role in &roles {
        let at = |at: &String| covers(at, scope) || covers(scope, at);
        if role.assignable_scopes.iter().any(at) && matches(role, asked.filter.as_deref())? {
            documents.push(wharf_arm::role::render_definition(role, subscription));
        }
    }
    Ok(Json(wharf_arm::list::page(&documents, None)))
}

fn matches(role: &Role, filter: Option<&str>) -> Result<bool, Error> {
    let terms = filter.unwrap_or_default().split(" and ").map(str::trim);
    for term in terms.filter(|term| !term.is_empty()) {
        let folded = term.to_ascii_lowercase();
        let value = term.split_once('\'').and_then(|(_, rest)| rest.rsplit_once('\''));
        let value = value.map(|(value, _)| value.replace("''", "'"));
        let is_right = match value {
            Some(name) if folded.starts_with("rolename eq ") => {
                role.name.eq_ignore_ascii_case(&name)
            }
            Some(kind) if folded.starts_with("type eq ") => {
                kind.eq_ignore_ascii_case("BuiltInRole") == role.is_built_in
            }
            None if folded == "atscopeandbelow()" || folded == "atscope()" => true,
            Some(_) | None => {
                let message = format!("The term '{term}' of the filter is not understood.");
                return Err(Error::invalid("InvalidFilter", message, "$filter"));
            }
        };
        if !is_right {
            return Ok(false);
        }
    }
    Ok(true)
}
