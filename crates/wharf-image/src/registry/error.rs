//! What registries refuse, and what they do wrong.

use std::{error::Error, time::Duration};

use camino::Utf8PathBuf;
use reqwest::StatusCode;
use serde_json::Value;

use crate::ErrorKind;

/// What a registry did not do.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No connection can be prepared.
    #[error("prepare a connection")]
    Client(#[source] reqwest::Error),
    /// Certificates of the administrator's cannot be used.
    #[error("use the certificates in {path}: {reason}")]
    Authority {
        /// Which file.
        path: Utf8PathBuf,
        /// Why not.
        reason: String,
    },
    /// The administrator's credentials cannot be read.
    #[error("use the credentials in {path}: {reason}")]
    DockerConfig {
        /// Which file.
        path: Utf8PathBuf,
        /// Why not.
        reason: String,
    },
    /// Something that should be an address that one can go to, and is not.
    #[error("\"{address}\" is no address to go to")]
    Address {
        /// What was said.
        address: String,
    },
    /// Nobody answered, or the answer broke off.
    #[error("no answer")]
    Unreached(#[source] reqwest::Error),
    /// Nobody answered in time.
    #[error("no answer in {seconds} s")]
    Silent {
        /// How long was waited.
        seconds: u64,
    },
    /// The registry wants credentials and there are none.
    #[error("it wants credentials")]
    NoCredential,
    /// The credentials are not good enough.
    #[error("the credentials are refused ({status})")]
    Denied {
        /// How it said so.
        status: StatusCode,
    },
    /// An identity has no token to show.
    #[error("make a token of the identity {id}")]
    IdentityToken {
        /// Its resource id.
        id: String,
        /// Why not.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// An identity is shown to a registry that knows names and passwords only.
    #[error("it takes user names and passwords, and no token of the identity {id}")]
    OnlyPasswords {
        /// Its resource id.
        id: String,
    },
    /// An identity is shown to a registry that trusts other issuers.
    #[error(
        "it does not take the token that this Wharf made for the identity {id}: a registry has to \
         trust Wharf as the issuer of tokens, and the identity needs a role there such as AcrPull"
    )]
    UnknownIssuer {
        /// Its resource id.
        id: String,
    },
    /// An identity may not pull from a registry of this host.
    #[error("the identity {id} has no role there that allows it to pull, such as AcrPull")]
    NoRole {
        /// Its resource id.
        id: String,
    },
    /// A registry of this host cannot be read.
    #[error("read what is on this host")]
    Local(#[source] Box<dyn Error + Send + Sync>),
    /// There is no such thing.
    #[error("it has no such image")]
    NotFound,
    /// There is such an image, for other platforms.
    #[error("it has no image for this platform")]
    Platform,
    /// Some other refusal.
    #[error("the answer is {status}{}", told(.code.as_deref()))]
    Refused {
        /// The status.
        status: StatusCode,
        /// The code that the registry gave.
        code: Option<String>,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// A token server that gives no token.
    #[error("the token server's answer holds no token")]
    NoToken,
    /// Sent from one address to the next, without end or to where nobody should go.
    #[error("redirected {0}")]
    Redirect(&'static str),
    /// An answer is larger than such a thing can be.
    #[error("the answer is larger than {max} bytes")]
    TooLarge {
        /// What there was room for.
        max: u64,
    },
    /// The answer has another length than it should.
    #[error("the blob has {found} bytes and should have {size}")]
    Length {
        /// What was announced.
        found: u64,
        /// What the manifest says.
        size: u64,
    },
    /// The answer ended early.
    #[error("the blob ended after {found} of {size} bytes")]
    Short {
        /// What came.
        found: u64,
        /// What the manifest says.
        size: u64,
    },
    /// The answer is another part than was asked for.
    #[error("the answer is another part of the blob than was asked for")]
    Range,
    /// A connection broke in the middle.
    #[error("the connection broke")]
    Broken(#[source] reqwest::Error),
    /// There is nobody to ask.
    #[error("there is nobody to ask")]
    NoEndpoint,
}

fn told(code: Option<&str>) -> String {
    code.map(|code| format!(" ({code})")).unwrap_or_default()
}

impl RegistryError {
    /// Whose fault it is.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::NoCredential
            | Self::Denied { .. }
            | Self::IdentityToken { .. }
            | Self::NoRole { .. }
            | Self::OnlyPasswords { .. }
            | Self::UnknownIssuer { .. } => ErrorKind::Denied,
            Self::NotFound | Self::Platform => ErrorKind::NotFound,
            Self::TooLarge { .. } | Self::Length { .. } => ErrorKind::Corrupt,
            _ => ErrorKind::Registry,
        }
    }

    /// What a refusal with this body means.
    pub(super) fn refused(status: StatusCode, body: &[u8]) -> Self {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Denied { status },
            StatusCode::NOT_FOUND => Self::NotFound,
            _ => Self::Refused { status, code: code(body), retry_after: None },
        }
    }

    /// What users may be told besides that they have no access.
    pub(crate) fn advice(&self) -> Option<String> {
        match self {
            Self::IdentityToken { id, .. } => {
                Some(format!("Wharf has no token of the identity {id}: is it there?"))
            }
            Self::OnlyPasswords { .. } | Self::UnknownIssuer { .. } | Self::NoRole { .. } => {
                Some(format!("The registry says that {self}."))
            }
            _ => None,
        }
    }

    /// Whether another try may help.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            // Who waits for a connection has waited long enough when there is none.
            Self::Unreached(error) => !error.is_connect() && !error.is_timeout(),
            Self::Broken(_) | Self::Short { .. } => true,
            _ => false,
        }
    }
}

/// The code in a registry's refusal, if it looks like one: the text beside it could be anything.
fn code(body: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let code = document.pointer("/errors/0/code")?.as_str()?;
    let is_code = |c: char| c.is_ascii_uppercase() || c == '_';
    (code.len() <= 64 && code.chars().all(is_code)).then(|| code.to_owned())
}
