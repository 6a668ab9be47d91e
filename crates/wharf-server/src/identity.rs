//! Who is who: principals and their secrets, and the tokens that say so.
//!
//! Wharf is its own token issuer. A token for ARM names one fixed issuer and audience, whatever
//! name the daemon is reached by: a token for any other service, even one whose name a request
//! made up, is never taken here.

mod bootstrap;
pub(crate) mod codes;
pub(crate) mod device;
mod jwt;
mod keys;
mod registry;
pub(crate) mod secrets;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::error::Unspecified;
use camino::Utf8Path;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use uuid::Uuid;
use wharf_model::{
    Error,
    access::{Principal, PrincipalKind},
    clock::Clock,
    error::chain,
};
use wharf_store::Store;

pub(crate) use self::{
    bootstrap::BootstrapError, jwt::Refusal, keys::KeyError, registry::REGISTRY_AUDIENCE,
};
use self::{codes::Codes, device::Devices, jwt::Registered, keys::KeyRing};
use crate::app::store_failed;

/// The domain of user names.
pub(crate) const DOMAIN: &str = "wharf.internal";
/// What a token for ARM is for, in the token. Clients may also ask for it by this name.
pub(crate) const ARM_AUDIENCE: &str = "https://management.wharf.internal/";
/// What tokens for Azure Storage are for: clients write it in two ways.
const STORAGE_AUDIENCES: &[&str] = &["https://storage.azure.com", "https://storage.azure.com/"];
/// Names of ARM that clients ask for without having looked.
const ARM_NAMES: &[&str] = &[
    "https://management.wharf.internal",
    "https://management.azure.com",
    "https://management.core.windows.net",
];
/// Who issues refresh tokens, and what they are for: nothing that a client could ask for.
const REFRESH: (&str, &str) = ("urn:wharf:refresh", "urn:wharf:refresh");
/// As long as Azure's shortest.
const ACCESS_LIFETIME: SignedDuration = SignedDuration::from_hours(1);
const REFRESH_LIFETIME: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How many secrets are checked at one time: each costs 19 MiB and some milliseconds of a CPU.
const HASHING_MAX: usize = 2;

/// What makes and checks tokens. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Identity {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    tenant: String,
    issuer: String,
    administrator: Uuid,
    keys: RwLock<KeyRing>,
    hashing: Semaphore,
    devices: Devices,
    codes: Codes,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

/// Why identity does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// No keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// No administrator.
    #[error(transparent)]
    Administrator(#[from] BootstrapError),
}

/// What an access token says.
#[derive(Debug, Serialize, Deserialize)]
struct Access {
    #[serde(flatten)]
    own: Registered,
    tid: String,
    oid: Uuid,
    sub: Uuid,
    appid: String,
    idtyp: String,
    ver: String,
    uti: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    upn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xms_mirid: Option<String>,
}

/// What a refresh token says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Refresh {
    #[serde(flatten)]
    own: Registered,
    pub(crate) oid: Uuid,
    /// Which client it was given to.
    pub(crate) client: String,
    /// For which service, unless the client says otherwise.
    pub(crate) resource: Option<String>,
}

/// A token on its way to a client.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) token: String,
    /// In seconds since 1970.
    pub(crate) from: i64,
    pub(crate) until: i64,
}

impl Identity {
    /// Loads keys and administrator; makes what is missing.
    pub(crate) fn start(
        store: &Store,
        clock: &Arc<dyn Clock>,
        (tenant, subscription): (&str, &str),
        data_dir: &Utf8Path,
    ) -> Result<Self, IdentityError> {
        let now = clock.now();
        let file = data_dir.join("admin.json");
        let of = (tenant, subscription);
        let administrator = bootstrap::ensure_administrator(store, &file, of, now)?;
        bootstrap::ensure_owner(store, administrator, subscription, now)?;
        let inner = Inner {
            keys: RwLock::new(KeyRing::load(store, now)?),
            store: store.clone(),
            clock: Arc::clone(clock),
            tenant: tenant.to_owned(),
            issuer: format!("https://sts.wharf.internal/{tenant}/"),
            administrator,
            hashing: Semaphore::new(HASHING_MAX),
            devices: Devices::default(),
            codes: Codes::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The one tenant.
    pub(crate) fn tenant(&self) -> &str {
        &self.inner.tenant
    }

    /// The object id of the service principal that the first start made.
    pub(crate) fn administrator(&self) -> Uuid {
        self.inner.administrator
    }

    /// Logins with a code on another device.
    pub(crate) fn devices(&self) -> &Devices {
        &self.inner.devices
    }

    /// Logins on the sign-in page.
    pub(crate) fn codes(&self) -> &Codes {
        &self.inner.codes
    }

    /// Now, as all tokens see it.
    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Whether a tenant in a path or request is the one there is.
    pub(crate) fn is_tenant(&self, name: &str) -> bool {
        [self.tenant(), "common", "organizations", "wharf", DOMAIN]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    }

    /// The public keys.
    pub(crate) fn public_keys(&self) -> Value {
        self.inner.keys.read().unwrap_or_else(PoisonError::into_inner).public()
    }

    /// Makes a new key, which signs from now on; tokens that older keys signed stay valid.
    pub(crate) fn rotate(&self) -> Result<(), Error> {
        let ring = KeyRing::rotate(&self.inner.store, self.now());
        let ring = ring.map_err(|error| Error::internal(chain(&error)))?;
        *self.inner.keys.write().unwrap_or_else(PoisonError::into_inner) = ring;
        Ok(())
    }

    /// Whom an access token for ARM speaks for.
    pub(crate) fn verify(&self, token: &str) -> Result<Uuid, Refusal> {
        self.verify_for(&[ARM_AUDIENCE], token)
    }

    /// Whom a token for Azure Storage speaks for.
    pub(crate) fn verify_for_storage(&self, token: &str) -> Result<Uuid, Refusal> {
        self.verify_for(STORAGE_AUDIENCES, token)
    }

    /// Whom an access token speaks for that is for any of these.
    fn verify_for(&self, audiences: &[&str], token: &str) -> Result<Uuid, Refusal> {
        let keys = self.inner.keys.read().unwrap_or_else(PoisonError::into_inner);
        for audience in audiences {
            let expected = (self.inner.issuer.as_str(), *audience);
            match jwt::verify::<Access>(&keys, token, expected, self.now()) {
                Err(Refusal::Audience) => {}
                verified => return verified.map(|access| access.oid),
            }
        }
        Err(Refusal::Audience)
    }

    /// The principal of that kind with that login, if it has that secret.
    pub(crate) async fn log_in(
        &self,
        kind: PrincipalKind,
        login: &str,
        secret: &str,
    ) -> Result<Option<Principal>, Error> {
        let (this, login, secret) = (self.clone(), login.to_owned(), secret.to_owned());
        // The semaphore is never closed.
        let _turn = self.inner.hashing.acquire().await;
        let checked = tokio::task::spawn_blocking(move || {
            let found = this.inner.store.principal_by_login(&login);
            let found = found.map_err(|error| store_failed(&error))?;
            let found = found.filter(|(principal, _)| principal.kind == kind);
            let kept = found.as_ref().map(|(_, secrets)| secrets.as_slice()).unwrap_or_default();
            let is_right = secrets::matches(&secret, kept);
            Ok(found.filter(|_| is_right).map(|(principal, _)| principal))
        });
        checked.await.map_err(|error| Error::internal(error.to_string()))?
    }

    /// A token with which a principal reaches a service.
    pub(crate) fn access_token(
        &self,
        principal: &Principal,
        client: &str,
        audience: &str,
    ) -> Result<Issued, Error> {
        let own = Registered::new(&self.inner.issuer, audience, self.now(), ACCESS_LIFETIME);
        let (from, until) = (own.iat, own.exp);
        let is_user = principal.kind == PrincipalKind::User;
        let for_user = |text: &str| is_user.then(|| text.to_owned());
        let token = self.sign(&Access {
            own,
            tid: self.inner.tenant.clone(),
            oid: principal.id,
            sub: principal.id,
            appid: client.to_owned(),
            idtyp: if is_user { "user" } else { "app" }.to_owned(),
            ver: "1.0".to_owned(),
            uti: Uuid::new_v4(),
            upn: for_user(&principal.login),
            unique_name: for_user(&principal.login),
            name: for_user(&principal.name),
            xms_mirid: principal.resource.clone(),
        })?;
        Ok(Issued { token, from, until })
    }

    /// A token with which a client of a user gets more access tokens.
    pub(crate) fn refresh_token(
        &self,
        principal: &Principal,
        client: &str,
        resource: Option<&str>,
    ) -> Result<String, Error> {
        self.sign(&Refresh {
            own: Registered::new(REFRESH.0, REFRESH.1, self.now(), REFRESH_LIFETIME),
            oid: principal.id,
            client: client.to_owned(),
            resource: resource.map(str::to_owned),
        })
    }

    /// What a refresh token was given for, with its principal; `None` when it is not valid or the
    /// principal's secrets have changed since.
    pub(crate) fn redeem(&self, token: &str) -> Result<Option<(Principal, Refresh)>, Error> {
        let refresh: Refresh = {
            let keys = self.inner.keys.read().unwrap_or_else(PoisonError::into_inner);
            match jwt::verify(&keys, token, REFRESH, self.now()) {
                Ok(refresh) => refresh,
                Err(_) => return Ok(None),
            }
        };
        let principal = self.inner.store.principal(refresh.oid);
        let principal = principal.map_err(|error| store_failed(&error))?;
        let is_current =
            |principal: &Principal| principal.changed_at.as_second() <= refresh.own.iat;
        Ok(principal.filter(is_current).map(|principal| (principal, refresh)))
    }

    /// What a client learns of the user who logged in.
    pub(crate) fn id_token(
        &self,
        principal: &Principal,
        client: &str,
        (issuer, nonce): (&str, Option<&str>),
    ) -> Result<String, Error> {
        let own = Registered::new(issuer, client, self.now(), ACCESS_LIFETIME);
        let mut claims = json!({
            "iss": own.iss,
            "aud": own.aud,
            "iat": own.iat,
            "nbf": own.nbf,
            "exp": own.exp,
            "tid": self.inner.tenant,
            "oid": principal.id,
            "sub": principal.id,
            "upn": principal.login,
            "unique_name": principal.login,
            "preferred_username": principal.login,
            "name": principal.name,
            "ver": "1.0",
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        self.sign(&claims)
    }

    fn sign(&self, claims: &impl Serialize) -> Result<String, Error> {
        let failed = |Unspecified| Error::internal("sign a token");
        {
            let keys = self.inner.keys.read().unwrap_or_else(PoisonError::into_inner);
            if keys.signs(self.now()) {
                return jwt::sign(&keys, claims).map_err(failed);
            }
        }
        self.rotate()?;
        let keys = self.inner.keys.read().unwrap_or_else(PoisonError::into_inner);
        jwt::sign(&keys, claims).map_err(failed)
    }
}

/// What a token for a resource is for: ARM under any of its names, or what was asked for. `bases`
/// are how clients reach this daemon.
pub(crate) fn audience(resource: Option<&str>, bases: &[&str]) -> String {
    let Some(resource) = resource else { return ARM_AUDIENCE.to_owned() };
    let plain = resource.trim_end_matches('/');
    let is_arm = ARM_NAMES.iter().chain(bases).any(|name| name.eq_ignore_ascii_case(plain));
    if is_arm { ARM_AUDIENCE.to_owned() } else { resource.to_owned() }
}
