//! The keys that sign tokens: RSA, the newest signs, the older ones still verify until what they
//! signed has run out.

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    error::{KeyRejected, Unspecified},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;
use wharf_store::{SigningKey, Store, StoreError};

/// For how long a key signs.
pub(super) const SIGNS_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// For how long a key verifies: longer than it signs by more than any token lives.
pub(super) const VERIFIES_FOR: SignedDuration = SignedDuration::from_hours(60 * 24);

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// The store failed.
    #[error("keep the signing keys")]
    Store(#[from] StoreError),
    /// A stored key is not one.
    #[error("read signing key {kid}")]
    Read {
        /// Which one.
        kid: String,
        /// Why.
        #[source]
        source: KeyRejected,
    },
    /// No key can be made, or a key does not sign.
    #[error("make or use a signing key")]
    Crypto(#[from] Unspecified),
}

/// One key.
struct Key {
    kid: String,
    created_at: Timestamp,
    pair: RsaKeyPair,
}

/// All keys that verify, newest first.
pub(super) struct KeyRing(Vec<Key>);

impl KeyRing {
    /// Loads the keys; makes one when none may sign any more.
    pub(super) fn load(store: &Store, now: Timestamp) -> Result<Self, KeyError> {
        let ring = Self::read(store, now)?;
        if ring.signs(now) { Ok(ring) } else { Self::rotate(store, now) }
    }

    /// Makes a new key, which signs from now on.
    pub(super) fn rotate(store: &Store, now: Timestamp) -> Result<Self, KeyError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
        let der: Pkcs8V1Der<'_> = pair.as_der()?;
        let kid = Uuid::new_v4().simple().to_string();
        let key = SigningKey { kid, created_at: now, key: der.as_ref().to_vec() };
        store.add_signing_key(&key, now - VERIFIES_FOR)?;
        Self::read(store, now)
    }

    fn read(store: &Store, now: Timestamp) -> Result<Self, KeyError> {
        let keys = store.signing_keys()?.into_iter();
        let valid = keys.filter(|key| now < key.created_at + VERIFIES_FOR);
        let parse = |SigningKey { kid, created_at, key }| match RsaKeyPair::from_pkcs8(&key) {
            Ok(pair) => Ok(Key { kid, created_at, pair }),
            Err(source) => Err(KeyError::Read { kid, source }),
        };
        valid.map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the newest key may still sign.
    pub(super) fn signs(&self, now: Timestamp) -> bool {
        self.0.first().is_some_and(|key| now < key.created_at + SIGNS_FOR)
    }

    /// Signs with the newest key; returns its name with the signature.
    pub(super) fn sign(
        &self,
        message: impl FnOnce(&str) -> String,
    ) -> Result<(String, Vec<u8>), Unspecified> {
        let key = self.0.first().ok_or(Unspecified)?;
        let message = message(&key.kid);
        let mut signature = vec![0; key.pair.public_modulus_len()];
        let random = SystemRandom::new();
        key.pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature)?;
        Ok((message, signature))
    }

    /// Whether the key of that name made a signature; `None` when there is no such key.
    pub(super) fn verifies(&self, kid: &str, message: &[u8], signature: &[u8]) -> Option<bool> {
        let key = self.0.iter().find(|key| key.kid == kid)?;
        let public = key.pair.public_key().as_ref();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
        Some(public.verify(message, signature).is_ok())
    }

    /// The public halves as a JSON Web Key Set.
    pub(super) fn public(&self) -> Value {
        let key = |key: &Key| {
            let public = key.pair.public_key();
            let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            json!({
                "kty": "RSA",
                "use": "sig",
                "alg": "RS256",
                "kid": key.kid,
                "x5t": key.kid,
                "n": text(public.modulus().big_endian_without_leading_zero()),
                "e": text(public.exponent().big_endian_without_leading_zero()),
            })
        };
        json!({ "keys": self.0.iter().map(key).collect::<Vec<_>>() })
    }
}
