//! Secrets of principals: made at random, kept only as argon2id hashes.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use uuid::Uuid;
use wharf_model::Error;
use wharf_store::Secret;

/// A secret with more than 240 random bits.
pub(crate) fn random() -> String {
    [Uuid::new_v4(), Uuid::new_v4()].map(|id| id.simple().to_string()).concat()
}

/// What is kept of a secret.
pub(crate) fn hash(secret: &str) -> Result<Secret, Error> {
    let hash = Argon2::default()
        .hash_password(secret.as_bytes())
        .map_err(|error| Error::internal(format!("hash a secret: {error}")))?;
    Ok(Secret { id: Uuid::new_v4(), hash: hash.to_string() })
}

/// Whether a secret is one of those kept.
pub(super) fn matches(secret: &str, kept: &[Secret]) -> bool {
    if kept.is_empty() {
        // As long as for somebody who exists, so that the time does not tell who does.
        drop(Argon2::default().hash_password(secret.as_bytes()));
        return false;
    }
    kept.iter().any(|kept| {
        PasswordHash::new(&kept.hash)
            .is_ok_and(|hash| Argon2::default().verify_password(secret.as_bytes(), &hash).is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_secret_and_does_not_tell_it() {
        let secret = random();
        let kept = hash(&secret).unwrap();
        assert!(kept.hash.starts_with("$argon2id$") && !kept.hash.contains(&secret));
        assert!(matches(&secret, &[hash("other").unwrap(), kept.clone()]));
        assert!(!matches("other", &[kept]) && !matches("", &[]));
    }
}
