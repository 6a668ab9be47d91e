//! Who may use an image that is here.
//!
//! An image that came with credentials is there for those who have them; whoever else names it is
//! sent to the registry with their own. What is kept of a credential is a keyed fingerprint.

use std::{
    collections::BTreeSet,
    io::{self, Read as _, Write as _},
};

use camino::Utf8Path;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Credential, ImageError, Login, layers, reference};

/// For whom an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Whoever has the same credentials; everyone if the registry wanted none.
    Holders,
    /// Everyone on this host: the administrator said so.
    Everyone,
}

/// Who may use one image without asking its registry again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Access {
    everyone: bool,
    holders: BTreeSet<String>,
}

impl Access {
    pub(crate) fn everyone() -> Self {
        Self { everyone: true, holders: BTreeSet::new() }
    }

    /// What an answer of the registry to someone says about others. `None`: nobody in particular.
    pub(crate) fn shown(fingerprint: Option<String>) -> Self {
        let everyone = fingerprint.is_none();
        Self { everyone, holders: fingerprint.into_iter().collect() }
    }

    pub(crate) fn allows(&self, fingerprint: Option<&str>) -> bool {
        self.everyone || fingerprint.is_some_and(|known| self.holders.contains(known))
    }

    pub(crate) fn with(mut self, other: &Self) -> Self {
        self.everyone |= other.everyone;
        self.holders.extend(other.holders.iter().cloned());
        self
    }
}

/// What fingerprints are made with: without it they say nothing.
pub(crate) struct FingerprintKey([u8; 32]);

impl std::fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FingerprintKey")
    }
}

impl FingerprintKey {
    /// Reads the key of a store, or makes one.
    pub(crate) fn open(dir: &Utf8Path) -> Result<Self, ImageError> {
        let path = dir.join("access.key");
        Self::read(&path)
            .or_else(|_| Self::make(&path))
            .map(Self)
            .map_err(ImageError::file("make", path))
    }

    fn read(path: &Utf8Path) -> io::Result<[u8; 32]> {
        fs_err::read(path)?.try_into().map_err(|_| io::ErrorKind::InvalidData.into())
    }

    /// A key that was lost only means that registries are asked again.
    fn make(path: &Utf8Path) -> io::Result<[u8; 32]> {
        let mut key = [0; 32];
        fs_err::File::open("/dev/urandom")?.read_exact(&mut key)?;
        let mut file = fs_err::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(&key)?;
        file.sync_all()?;
        Ok(key)
    }

    pub(crate) fn of(&self, credential: &Credential) -> String {
        let mut hasher = Sha256::new_with_prefix(self.0);
        let server = reference::canonical(&credential.server);
        // Of different numbers of parts, so that neither kind can be taken for the other.
        let parts: &[&str] = match &credential.login {
            Login::Password { username, password } => &[&server, username, password],
            Login::Identity { principal, .. } => &[&server, "", "identity", principal],
        };
        for part in parts {
            hasher.update(part.len().to_be_bytes());
            hasher.update(part);
        }
        layers::hex(&hasher.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_of_the_whole_credential_and_of_one_store() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let key = FingerprintKey::open(dir).unwrap();
        let credential = |server: &str, username: &str, password: &str| {
            Credential::password(server.to_owned(), username.to_owned(), password.to_owned())
        };
        let identity = |id: &str, principal: &str| Credential {
            server: "lab".to_owned(),
            login: Login::Identity { id: id.to_owned(), principal: principal.to_owned() },
        };
        let one = key.of(&credential("lab", "me", "secret"));
        assert_eq!(FingerprintKey::open(dir).unwrap().of(&credential("LAB", "me", "secret")), one);
        assert_ne!(key.of(&credential("lab", "mes", "ecret")), one);
        assert_eq!(key.of(&identity("/a", "me")), key.of(&identity("/b", "me")));
        assert_ne!(key.of(&identity("/a", "me")), key.of(&identity("/a", "you")));
        assert_ne!(key.of(&identity("/a", "me")), key.of(&credential("lab", "", "me")));
        fs_err::remove_file(dir.join("access.key")).unwrap();
        assert_ne!(FingerprintKey::open(dir).unwrap().of(&credential("lab", "me", "secret")), one);
    }
}
