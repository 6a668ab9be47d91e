//! `/wharf/v1/identity`: principals and the keys that sign their tokens.

use axum::extract::Path;
use wharf_model::{
    Error, ErrorKind,
    access::{Principal, PrincipalKind},
};

use crate::app::App;

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod reset_secret;
pub(crate) mod rotate_keys;

/// Collection and login.
type AtPrincipal = Path<(String, String)>;

fn kind(collection: &str) -> Result<PrincipalKind, Error> {
    wharf_arm::principal::kind(collection).ok_or_else(|| {
        let message = format!("There are no '{collection}' here.");
        Error::new(ErrorKind::NotFound, "ResourceNotFound", message)
    })
}

/// The principal at a path, which is found by its login or its object id.
async fn find(app: &App, collection: &str, login: &str) -> Result<Principal, Error> {
    let (kind, wanted) = (kind(collection)?, login.to_owned());
    let found = app
        .read(move |store| match uuid::Uuid::parse_str(&wanted) {
            Ok(id) => match store.principal(id)? {
                Some(principal) => Ok(Some(principal)),
                None => Ok(store.principal_by_login(&wanted)?.map(|(principal, _)| principal)),
            },
            Err(_) => Ok(store.principal_by_login(&wanted)?.map(|(principal, _)| principal)),
        })
        .await?;
    let found = found.filter(|principal| principal.kind == kind);
    found.ok_or_else(|| wharf_arm::principal::not_found(login))
}

/// Managed identities come and go with their resources.
fn check_changeable(kind: PrincipalKind) -> Result<(), Error> {
    match kind {
        PrincipalKind::ServicePrincipal | PrincipalKind::User => Ok(()),
        PrincipalKind::ManagedIdentity => Err(Error::new(
            ErrorKind::MethodNotAllowed,
            "MethodNotAllowed",
            "A managed identity is changed through the resource whose identity it is.",
        )),
    }
}
