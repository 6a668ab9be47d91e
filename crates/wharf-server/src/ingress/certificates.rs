//! Certificates of the front: the user's own, or one of Wharf's CA for each name, made when it is
//! first asked for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use camino::Utf8Path;
use jiff::{SignedDuration, Timestamp};
use rustls::ServerConfig;

use crate::tls::{Authority, TlsError, read_config};

/// How long one is used before another is made.
const USED_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How many are kept; names come and go with groups.
const KEPT_MAX: usize = 4096;

/// Where certificates come from.
pub(crate) enum Certificates {
    /// One of the user's for all names.
    Given(Arc<ServerConfig>),
    /// Made by Wharf's CA.
    Made {
        /// The CA.
        authority: Box<Authority>,
        /// Those that were asked for.
        known: Mutex<HashMap<String, (Timestamp, Arc<ServerConfig>)>>,
    },
}

impl Certificates {
    /// The user's certificate chain and key.
    pub(crate) fn read(certificate: &Utf8Path, key: &Utf8Path) -> Result<Self, TlsError> {
        Ok(Self::Given(read_config(certificate, key)?))
    }

    /// Certificates of Wharf's own.
    pub(crate) fn made_by(authority: Authority) -> Self {
        Self::Made { authority: Box::new(authority), known: Mutex::default() }
    }

    /// What was given for all names.
    pub(super) fn given(&self) -> Option<Arc<ServerConfig>> {
        match self {
            Self::Given(config) => Some(Arc::clone(config)),
            Self::Made { .. } => None,
        }
    }

    /// What a client that asks for a name is shown.
    pub(super) fn of(&self, name: &str, now: Timestamp) -> Result<Arc<ServerConfig>, TlsError> {
        let (authority, known) = match self {
            Self::Given(config) => return Ok(Arc::clone(config)),
            Self::Made { authority, known } => (authority, known),
        };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, config)) = known.get(name)
            && now.duration_since(*made) < USED_MAX
        {
            return Ok(Arc::clone(config));
        }
        let config = authority.config_for(name, now)?;
        if known.len() >= KEPT_MAX {
            known.clear();
        }
        known.insert(name.to_owned(), (now, Arc::clone(&config)));
        Ok(config)
    }
}
