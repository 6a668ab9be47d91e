//! Encryption at rest: specifications hold secrets, so the database only ever sees them sealed.

use std::{
    fmt,
    io::{self, Write as _},
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand,
};
use camino::Utf8Path;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use crate::StoreError;

const KEY_LEN: usize = 32;

/// The key of one installation: AES-256-GCM with random nonces.
pub struct SealKey(RandomizedNonceKey);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

impl SealKey {
    /// Reads the key file; makes it (mode 0600) when it is not there.
    pub fn load_or_create(path: &Utf8Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Key { path: path.to_owned(), source };
        let bytes = match fs_err::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create(path).map_err(failed)?
            }
            Err(error) => return Err(failed(error)),
        };
        RandomizedNonceKey::new(&AES_256_GCM, &bytes)
            .map(Self)
            .map_err(|_| failed(io::Error::other("not a key of 32 bytes")))
    }

    /// The text, sealed and bound to its owner.
    pub(crate) fn seal(&self, owner: &str, text: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = text.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(owner), &mut sealed).ok()?;
        Some([&nonce.as_ref()[..], &sealed].concat())
    }

    /// The text again; `None` for another owner, another key, or damage.
    pub(crate) fn open(&self, owner: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = sealed.to_vec();
        let length = self.0.open_in_place(nonce, Aad::from(owner), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

/// Written whole under a temporary name first, so that a crash leaves no short key.
fn create(path: &Utf8Path) -> io::Result<Vec<u8>> {
    let mut key = vec![0; KEY_LEN];
    rand::fill(&mut key).map_err(|_| io::Error::other("no randomness"))?;
    let temporary = path.with_extension("new");
    let mut file = fs_err::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(&key)?;
    file.sync_all()?;
    fs_err::rename(&temporary, path)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_and_the_key_open_a_seal() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("key");
        let sealed = SealKey::load_or_create(&path).unwrap().seal("a", b"secret").unwrap();
        let key = SealKey::load_or_create(&path).unwrap();
        assert_eq!(key.open("a", &sealed).unwrap(), b"secret");
        assert!(key.open("b", &sealed).is_none());
        let other = SealKey::load_or_create(&path.with_extension("other")).unwrap();
        assert!(other.open("a", &sealed).is_none());
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}
