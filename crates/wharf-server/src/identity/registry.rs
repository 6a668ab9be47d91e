//! Tokens of and for registries of one's own.

use std::sync::PoisonError;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;
use wharf_model::Error;

use super::{
    ARM_AUDIENCE, Identity, jwt,
    jwt::{Refusal, Registered},
};

/// Who issues tokens of registries, and what they are for: nothing that a client could ask the
/// issuer of identities for.
const REGISTRY: (&str, &str) = ("Wharf Container Registry", "urn:wharf:registry");
/// What clients ask for a token for before they go to a registry: one that reaches it opens nothing else.
pub(crate) const REGISTRY_AUDIENCE: &str = "https://containerregistry.azure.net";
/// It is written in two ways, and a token for ARM is as good.
const AUDIENCES: &[&str] =
    &[REGISTRY_AUDIENCE, "https://containerregistry.azure.net/", ARM_AUDIENCE];

#[derive(Serialize, Deserialize)]
struct Token<T> {
    #[serde(flatten)]
    own: Registered,
    jti: Uuid,
    #[serde(flatten)]
    claims: T,
}

impl Identity {
    /// Whom a token that is shown to a registry speaks for.
    pub(crate) fn verify_for_registry(&self, token: &str) -> Result<Uuid, Refusal> {
        self.verify_for(AUDIENCES, token)
    }

    /// A token of a registry that says this.
    pub(crate) fn sign_for_registry(
        &self,
        claims: impl Serialize,
        lifetime: SignedDuration,
    ) -> Result<String, Error> {
        let own = Registered::new(REGISTRY.0, REGISTRY.1, self.now(), lifetime);
        self.sign(&Token { own, jti: Uuid::new_v4(), claims })
    }

    /// What a token of a registry says.
    pub(crate) fn read_for_registry<T: DeserializeOwned>(&self, token: &str) -> Result<T, Refusal> {
        let keys = self.inner.keys.read().unwrap_or_else(PoisonError::into_inner);
        jwt::verify::<Token<T>>(&keys, token, REGISTRY, self.now()).map(|token| token.claims)
    }
}
