//! Who may speak: root on the host through the socket, anyone else with the administrator's token.

use std::{fmt, io, sync::Arc};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use camino::Utf8Path;
use wharf_model::{Error, ErrorKind};

/// How a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Through the Unix socket, from a process of this user.
    Local {
        /// User id of the process.
        uid: u32,
    },
    /// Over the network.
    Remote,
}

/// Tells the administrator from others.
#[derive(Clone)]
pub(crate) struct Authenticator {
    token: Arc<str>,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator")
    }
}

impl Authenticator {
    /// Reads the token file, or makes one (mode 0600) with 256 random bits.
    pub(crate) fn load_or_create(path: &Utf8Path) -> io::Result<Self> {
        let token = match fs_err::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => text.trim().to_owned(),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => create(path)?,
        };
        Ok(Self { token: token.into() })
    }

    /// Refuses who is not the administrator.
    pub(crate) fn check(&self, peer: Peer, authorization: Option<&str>) -> Result<(), Error> {
        if matches!(peer, Peer::Local { uid: 0 }) {
            return Ok(());
        }
        let Some(header) = authorization else {
            return Err(unauthenticated(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.",
            ));
        };
        let token = header.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
        let token = token.and_then(|_| header.get(7..)).unwrap_or_default().trim();
        if verify_slices_are_equal(token.as_bytes(), self.token.as_bytes()).is_ok() {
            return Ok(());
        }
        Err(unauthenticated("InvalidAuthenticationToken", "The access token is invalid."))
    }
}

fn unauthenticated(code: &'static str, message: &str) -> Error {
    Error::new(ErrorKind::Unauthenticated, code, message)
}

fn create(path: &Utf8Path) -> io::Result<String> {
    use std::io::Write as _;

    use fs_err::os::unix::fs::OpenOptionsExt as _;
    let token = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(|u| u.simple().to_string());
    let token = token.concat();
    let temporary = path.with_extension("new");
    let mut file = fs_err::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    writeln!(file, "{token}")?;
    file.sync_all()?;
    fs_err::rename(&temporary, path)?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_needs_no_token_and_others_need_the_right_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("token");
        let auth = Authenticator::load_or_create(&path).unwrap();
        let token = fs_err::read_to_string(&path).unwrap();
        let good = format!("Bearer {}", token.trim());
        assert!(auth.check(Peer::Local { uid: 0 }, None).is_ok());
        assert!(auth.check(Peer::Remote, Some(&good)).is_ok());
        let code = |peer, header| auth.check(peer, header).unwrap_err().code;
        assert_eq!(code(Peer::Local { uid: 1000 }, None), "AuthenticationFailed");
        for bad in ["Bearer ", "Bearer x", "Basic x", "", "Bearer", &good[..good.len() - 1]] {
            assert_eq!(code(Peer::Remote, Some(bad)), "InvalidAuthenticationToken", "{bad}");
        }
        let again = Authenticator::load_or_create(&path).unwrap();
        assert!(again.check(Peer::Remote, Some(&good)).is_ok());
    }
}
