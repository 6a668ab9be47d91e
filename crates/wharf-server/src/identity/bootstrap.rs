//! The administrator: a service principal made at the first start, whose credentials lie in a
//! file that only root can read.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;
use wharf_model::access::{Principal, PrincipalKind, RoleAssignment};
use wharf_store::{AcceptError, Store, StoreError};

use super::secrets;

/// Why there is no administrator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootstrapError {
    /// The store failed.
    #[error("keep the administrator")]
    Store(#[from] StoreError),
    /// The file cannot be written.
    #[error("write {path}")]
    File {
        /// Which file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The secret cannot be hashed.
    #[error("hash the administrator's secret")]
    Hash,
}

/// Makes the administrator unless there is one; returns its object id. The file is written first:
/// after a crash in between, the next start makes both anew.
pub(super) fn ensure_administrator(
    store: &Store,
    file: &Utf8Path,
    (tenant, subscription): (&str, &str),
    now: Timestamp,
) -> Result<Uuid, BootstrapError> {
    let id = store.meta("administrator", || Uuid::new_v4().to_string())?;
    let id = Uuid::parse_str(&id).unwrap_or_default();
    if store.principal(id)?.is_some() {
        return Ok(id);
    }
    let (client, secret) = (Uuid::new_v4().to_string(), secrets::random());
    let document = json!({
        "tenantId": tenant,
        "subscriptionId": subscription,
        "clientId": client,
        "clientSecret": secret,
    });
    crate::files::write(file, &format!("{document:#}\n"), 0o600)
        .map_err(|source| BootstrapError::File { path: file.to_owned(), source })?;
    let principal = Principal {
        id,
        kind: PrincipalKind::ServicePrincipal,
        login: client,
        name: "Administrator".to_owned(),
        resource: None,
        created_at: now,
        changed_at: now,
    };
    let hash = secrets::hash(&secret).map_err(|_| BootstrapError::Hash)?;
    store.add_principal(&principal, Some(&hash))?;
    Ok(id)
}

/// Gives the administrator its role. Asking again changes nothing.
pub(super) fn ensure_owner(
    store: &Store,
    administrator: Uuid,
    subscription: &str,
    now: Timestamp,
) -> Result<(), BootstrapError> {
    let assignment = RoleAssignment {
        id: administrator,
        principal: administrator,
        role: wharf_arm::role::OWNER,
        scope: format!("/subscriptions/{subscription}"),
        description: Some("The administrator that came with this installation".to_owned()),
        created_at: now,
        created_by: None,
    };
    match store.add_role_assignment(&assignment) {
        // Or somebody has given it this role under another name.
        Ok(_) | Err(AcceptError::Refused(_)) => Ok(()),
        Err(AcceptError::Store(error)) => Err(error.into()),
    }
}
