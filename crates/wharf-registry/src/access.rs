//! Registries and who may use them, which somebody else keeps.

use std::{error::Error, fmt};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::{HeaderMap, header};
use base64::{Engine as _, prelude::BASE64_STANDARD};

/// What a request has to agree with.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// Who may use the registry.
    pub user: String,
    /// With any of these; with none of them nobody may.
    pub passwords: Vec<String>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Access {
    /// Whether this is the user with one of the passwords. Takes the same time for every wrong one.
    pub(crate) fn allows(&self, credential: &Credential) -> bool {
        let is_equal =
            |a: &str, b: &str| verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok();
        let matching = |known: &String| is_equal(known, &credential.password);
        let is_known = self.passwords.iter().map(matching).fold(false, |found, one| found | one);
        is_equal(&self.user, &credential.user) & is_known
    }
}

/// Whoever knows the registries.
pub trait Registries: Send + Sync + 'static {
    /// How the registry of this name is used, if there is one. Called on a thread that may block.
    fn access(&self, name: &str) -> Result<Option<Access>, Box<dyn Error + Send + Sync>>;
}

/// What a request shows.
pub(crate) struct Credential {
    pub(crate) user: String,
    password: String,
}

impl Credential {
    /// The user and password of a request, if it has them.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, rest) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(BASE64_STANDARD.decode(rest.trim()).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Self { user: user.to_ascii_lowercase(), password: password.to_owned() })
    }
}
