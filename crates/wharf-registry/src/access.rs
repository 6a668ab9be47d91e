//! Who may do what in which registry, which somebody else knows.

use std::{error::Error, fmt, time::Duration};

use axum::http::{HeaderMap, header};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The user name that says that the password is a token.
pub(crate) const TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";
/// How long one can go on with a refresh token, and with an access token.
const REFRESH_LIFETIME: Duration = Duration::from_hours(3);
const ACCESS_LIFETIME: Duration = Duration::from_hours(1);

/// Why something could not be looked up.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Something that is done with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Content is read.
    Pull,
    /// Content is added.
    Push,
    /// Content is removed.
    Delete,
    /// It is seen what is there.
    MetadataRead,
    /// What is told of content is changed.
    MetadataWrite,
}

impl Action {
    /// All that there are.
    pub const ALL: [Self; 5] =
        [Self::Pull, Self::Push, Self::Delete, Self::MetadataRead, Self::MetadataWrite];

    /// As scopes name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::MetadataRead => "metadata_read",
            Self::MetadataWrite => "metadata_write",
        }
    }
}

/// Somebody as whom a request was believed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// The admin user of a registry.
    Admin {
        /// Which one.
        registry: String,
        /// What tells which of the passwords was shown, but not what it is.
        proof: String,
    },
    /// Somebody with an object id.
    Principal(Uuid),
}

impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admin { registry, .. } => write!(f, "the admin user of {registry}"),
            Self::Principal(id) => write!(f, "{id}"),
        }
    }
}

/// What somebody shows to be believed.
#[derive(Clone)]
pub enum Shown {
    /// A name with a password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A token that the issuer of identities made.
    Identity(String),
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<shown>")
    }
}

/// What a token gives access to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    /// `repository`, or `registry` for the list of repositories.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The name that the client knows it by.
    pub(crate) name: String,
    pub(crate) actions: Vec<String>,
}

/// What a token of a registry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// `refresh_token` or `access_token`.
    #[serde(rename = "grant_type")]
    pub(crate) kind: Kind,
    /// The one registry that it is for; without, names of repositories begin with it.
    pub(crate) registry: Option<String>,
    pub(crate) who: Who,
    pub(crate) access: Vec<Grant>,
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    #[serde(rename = "refresh_token")]
    Refresh,
    #[serde(rename = "access_token")]
    Access,
}

impl Claims {
    /// What a refresh token says.
    pub(crate) fn refresh(registry: Option<String>, who: Who) -> Self {
        Self { kind: Kind::Refresh, registry, who, access: Vec::new() }
    }

    /// How long they hold.
    pub fn lifetime(&self) -> Duration {
        match self.kind {
            Kind::Refresh => REFRESH_LIFETIME,
            Kind::Access => ACCESS_LIFETIME,
        }
    }
}

/// Whoever knows the registries and those who use them.
pub trait Registries: Send + Sync + 'static {
    /// Who shows this, to the registry of that name or to the one that they mean.
    fn log_in<'a>(
        &'a self,
        registry: Option<&'a str>,
        shown: Shown,
    ) -> BoxFuture<'a, Result<Option<Who>, Failure>>;

    /// What they may do in a registry; `None` when there is no such registry or they may do nothing
    /// there. Called on a thread that may block.
    fn rights(&self, registry: &str, who: &Who) -> Result<Option<Vec<Action>>, Failure>;

    /// A token that says this.
    fn sign(&self, claims: &Claims) -> Result<String, Failure>;

    /// What a token says, if it is one of ours and still holds.
    fn read(&self, token: &str) -> Option<Claims>;
}

/// What a request shows.
pub(crate) enum Credential {
    Password { user: String, password: String },
    Token(String),
}

impl Credential {
    /// What the headers of a request show, if they show anything.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, rest) = value.split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::Token(rest.to_owned()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Self::Password { user: user.to_ascii_lowercase(), password: password.to_owned() })
    }
}
