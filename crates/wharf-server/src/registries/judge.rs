//! Who may do what in a registry: its admin user everything, others what their roles say.

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use futures::{FutureExt as _, future::BoxFuture};
use jiff::SignedDuration;
use uuid::Uuid;
use wharf_arm::container_registry::{REGISTRY, credentials::Passwords, has_admin};
use wharf_model::{Error, access::PrincipalKind};
use wharf_registry::{Action, Claims, Failure, Shown, Who};
use wharf_store::{Resource, StoreError};

use super::Registries;
use crate::{app::secret, identity::Identity};

/// What the distribution API asks about registries and those who use them.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    pub(super) registries: Registries,
    pub(super) identity: Identity,
}

/// What a role has to allow for an action on a repository, as on Azure: who may pull may also see
/// what is there, and who may push may also change what is told of it.
fn allowed_by(action: Action) -> &'static [&'static str] {
    match action {
        Action::Pull => &["pull/read"],
        Action::Push => &["push/write"],
        Action::Delete => &["artifacts/delete"],
        Action::MetadataRead => &["metadata/read", "pull/read"],
        Action::MetadataWrite => &["metadata/write", "push/write"],
    }
}

/// What tells which password was shown, but not what it is: it has far more random bits than this.
fn proof(password: &str) -> String {
    let digest = digest(&SHA256, password.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(&digest.as_ref()[..12])
}

impl Judge {
    fn find(&self, registry: &str) -> Result<Option<Resource>, StoreError> {
        self.registries.store.unique_resource(REGISTRY, registry)
    }

    /// The passwords of the admin user, if there is one.
    fn passwords(found: &Resource) -> Result<Vec<String>, Failure> {
        let document: serde_json::Value = serde_json::from_str(&found.content.document)?;
        if !has_admin(&document) {
            return Ok(Vec::new());
        }
        let found = secret::<Passwords>(found);
        Ok(found.map_err(|_| "the passwords of the registry are unreadable")?.0.into())
    }

    fn admin(&self, registry: &str, user: &str, given: &str) -> Result<Option<Who>, Failure> {
        let Some(found) = self.find(registry)? else { return Ok(None) };
        let name = found.key.name.as_str().to_ascii_lowercase();
        let matches =
            |known: &String| verify_slices_are_equal(known.as_bytes(), given.as_bytes()).is_ok();
        let known = Self::passwords(&found)?;
        let is_right = known.iter().map(matches).fold(false, |found, one| found | one);
        let is_admin = user.eq_ignore_ascii_case(&name) && is_right;
        Ok(is_admin.then(|| Who::Admin { registry: name, proof: proof(given) }))
    }

    async fn with_password(
        &self,
        registry: Option<&str>,
        (user, password): (String, String),
    ) -> Result<Option<Who>, Failure> {
        let (this, name) = (self.clone(), registry.unwrap_or(&user).to_owned());
        let (admin, given) = (user.clone(), password.clone());
        let admin = tokio::task::spawn_blocking(move || this.admin(&name, &admin, &given)).await?;
        if let Some(admin) = admin? {
            return Ok(Some(admin));
        }
        // Checking the secret of a service principal takes long: only what can be one is tried.
        if Uuid::parse_str(&user).is_err() {
            return Ok(None);
        }
        let kind = PrincipalKind::ServicePrincipal;
        let found = self.identity.log_in(kind, &user, &password).await.map_err(unreadable)?;
        Ok(found.map(|principal| Who::Principal(principal.id)))
    }
}

fn unreadable(error: Error) -> Failure {
    error.internal.unwrap_or(error.message).into()
}

impl wharf_registry::Registries for Judge {
    fn log_in<'a>(
        &'a self,
        registry: Option<&'a str>,
        shown: Shown,
    ) -> BoxFuture<'a, Result<Option<Who>, Failure>> {
        async move {
            match shown {
                Shown::Password { user, password } => {
                    self.with_password(registry, (user, password)).await
                }
                Shown::Identity(token) => {
                    Ok(self.identity.verify_for_registry(&token).ok().map(Who::Principal))
                }
            }
        }
        .boxed()
    }

    fn rights(&self, registry: &str, who: &Who) -> Result<Option<Vec<Action>>, Failure> {
        let Some(found) = self.find(registry)? else { return Ok(None) };
        let rights = match who {
            Who::Admin { registry, proof: shown } => {
                let is_this = found.key.name.as_str().eq_ignore_ascii_case(registry);
                let mut known = Self::passwords(&found)?.into_iter();
                let still = is_this && known.any(|password| proof(&password) == *shown);
                if still { Action::ALL.to_vec() } else { Vec::new() }
            }
            Who::Principal(id) => {
                let store = &self.registries.store;
                if store.principal(*id)?.is_none() {
                    return Ok(None);
                }
                let scope = wharf_arm::resource_id::resource(&found.key);
                let grants = crate::app::grants(store, *id)?;
                let may = |action: &Action| {
                    let mut names = allowed_by(*action).iter();
                    names.any(|name| grants.allow(&format!("{REGISTRY}/{name}"), &scope))
                };
                Action::ALL.into_iter().filter(may).collect()
            }
        };
        Ok((!rights.is_empty()).then_some(rights))
    }

    fn sign(&self, claims: &Claims) -> Result<String, Failure> {
        let lifetime = SignedDuration::try_from(claims.lifetime())?;
        self.identity.sign_for_registry(claims, lifetime).map_err(unreadable)
    }

    fn read(&self, token: &str) -> Option<Claims> {
        self.identity.read_for_registry(token).ok()
    }
}

#[cfg(test)]
mod tests {
    use wharf_arm::role;

    use super::*;

    #[test]
    fn roles_allow_in_a_registry_what_they_allow_on_azure() {
        let roles = role::built_in();
        let may = |id: Uuid| {
            let role = roles.iter().find(|role| role.id == id).unwrap();
            let allows = |action: &Action| {
                allowed_by(*action).iter().any(|name| role.allows(&format!("{REGISTRY}/{name}")))
            };
            let found = Action::ALL.into_iter().filter(allows).map(Action::name);
            found.collect::<Vec<_>>().join(" ")
        };
        let all = "pull push delete metadata_read metadata_write";
        for (id, expected) in [
            (role::OWNER, all),
            (role::CONTRIBUTOR, all),
            (role::READER, "pull metadata_read"),
            (role::ACR_PULL, "pull metadata_read"),
            (role::ACR_PUSH, "pull push metadata_read metadata_write"),
            (role::ACR_DELETE, "delete"),
            (role::CONTAINER_INSTANCES, ""),
        ] {
            assert_eq!(may(id), expected, "{id}");
        }
    }
}
