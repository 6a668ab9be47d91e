//! DELETE a principal with its secrets; its tokens are void at once.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use wharf_model::{Error, ErrorKind};

use super::AtPrincipal;
use crate::{app::App, http::ApiResult};

pub(crate) async fn handle(
    State(app): State<App>,
    Path((collection, login)): AtPrincipal,
) -> ApiResult<StatusCode> {
    let principal = super::find(&app, &collection, &login).await?;
    super::check_changeable(principal.kind)?;
    if principal.id == app.identity.administrator() {
        let message = "The administrator that came with this installation cannot be deleted; its \
                       secret can be reset.";
        return Err(Error::new(ErrorKind::Conflict, "PrincipalInUse", message).into());
    }
    app.read(move |store| store.delete_principal(principal.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
