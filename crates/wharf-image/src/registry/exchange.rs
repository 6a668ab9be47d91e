//! One request to a registry and its answer: credentials where they belong, redirects, patience.

use std::time::Duration;

use camino::Utf8PathBuf;
use reqwest::{Client, Response, StatusCode, Url, header};
use serde_json::Value;

use super::{
    Credential, Patience,
    auth::{Authorization, Challenge, TokenAsk},
};
use crate::ErrorKind;

/// Redirects of one request.
const REDIRECTS_MAX: usize = 5;
/// How much of a refusal is read, in bytes.
const REFUSAL_MAX: u64 = 64 << 10;
/// The first pause before another try; doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(8);

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
            Self::NoCredential | Self::Denied { .. } => ErrorKind::Denied,
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

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// Below the registry's address.
    pub(super) path: String,
    pub(super) accept: Option<&'static str>,
    /// Leave out so many bytes at the beginning.
    pub(super) from: u64,
}

impl Ask {
    pub(super) fn new(path: String) -> Self {
        Self { path, accept: None, from: 0 }
    }
}

/// A registry or a mirror of it, and what it wants to see from us.
pub(super) struct Endpoint {
    base: Url,
    client: Client,
    credential: Option<Credential>,
    repository: String,
    /// How long the head of an answer may take.
    patience: Duration,
    authorization: tokio::sync::Mutex<Option<Authorization>>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.base.as_str())
    }
}

impl Endpoint {
    pub(super) fn new(
        base: Url,
        client: Client,
        credential: Option<Credential>,
        repository: String,
        patience: Duration,
    ) -> Self {
        let authorization = tokio::sync::Mutex::default();
        Self { base, client, credential, repository, patience, authorization }
    }

    /// A whole small document.
    pub(super) async fn document(
        &self,
        ask: &Ask,
        max: u64,
        patience: Patience,
    ) -> Result<Vec<u8>, RegistryError> {
        let mut tries = 0;
        loop {
            let asked = async { body(self.open(ask).await?, max).await };
            match asked.await {
                Err(error) => tries = pause(error, tries, patience).await?,
                done => return done,
            }
        }
    }

    /// The beginning of a good answer. Does not try again but to show credentials.
    pub(super) async fn open(&self, ask: &Ask) -> Result<Response, RegistryError> {
        let known = self.authorization.lock().await.clone();
        let response = self.follow(ask, known.as_ref()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return good(response).await;
        }
        let Some(challenge) = Challenge::of(&response) else {
            return Err(RegistryError::Denied { status: response.status() });
        };
        drop(response);
        let asking = TokenAsk {
            client: &self.client,
            registry: &self.base,
            repository: &self.repository,
            credential: self.credential.as_ref(),
        };
        let met = tokio::time::timeout(self.patience, asking.meet(challenge));
        let met = met.await.map_err(|_| self.silent())??;
        let response = self.follow(ask, Some(&met)).await?;
        *self.authorization.lock().await = Some(met);
        good(response).await
    }

    /// Goes where it is sent. Credentials go to the registry itself and to nobody else.
    async fn follow(
        &self,
        ask: &Ask,
        authorization: Option<&Authorization>,
    ) -> Result<Response, RegistryError> {
        let address = || RegistryError::Address { address: ask.path.clone() };
        let mut url = self.base.join(&ask.path).map_err(|_| address())?;
        for _ in 0..=REDIRECTS_MAX {
            let mut request = self.client.get(url.clone());
            if let Some(accept) = ask.accept {
                request = request.header(header::ACCEPT, accept);
            }
            if ask.from > 0 {
                request = request.header(header::RANGE, format!("bytes={}-", ask.from));
            }
            if url.origin() == self.base.origin() {
                request = match authorization {
                    Some(Authorization::Basic(user, password)) => {
                        request.basic_auth(user, Some(password))
                    }
                    Some(Authorization::Bearer(token)) => request.bearer_auth(token),
                    None => request,
                };
            }
            let sent = tokio::time::timeout(self.patience, request.send());
            let response = sent.await.map_err(|_| self.silent())?.map_err(unreached)?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            url = self.next(&url, &response)?;
        }
        Err(RegistryError::Redirect("again and again"))
    }

    fn next(&self, from: &Url, response: &Response) -> Result<Url, RegistryError> {
        let location = response.headers().get(header::LOCATION);
        let location = location.and_then(|value| value.to_str().ok());
        let url = location.and_then(|location| from.join(location).ok());
        let url = url.ok_or(RegistryError::Redirect("to nowhere"))?;
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.base.scheme() == "http" => Ok(url),
            _ => Err(RegistryError::Redirect("to where there is no TLS")),
        }
    }

    fn silent(&self) -> RegistryError {
        RegistryError::Silent { seconds: self.patience.as_secs() }
    }
}

/// An answer's beginning, or what its refusal means.
async fn good(response: Response) -> Result<Response, RegistryError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let retry_after = retry_after(&response);
    let body = body(response, REFUSAL_MAX).await.unwrap_or_default();
    Err(match RegistryError::refused(status, &body) {
        RegistryError::Refused { status, code, .. } => {
            RegistryError::Refused { status, code, retry_after }
        }
        other => other,
    })
}

/// In seconds; registries send no dates.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// Waits before another try; gives the error back when there is to be none. Returns how many tries
/// there have been.
pub(super) async fn pause(
    error: RegistryError,
    tries: u32,
    patience: Patience,
) -> Result<u32, RegistryError> {
    let usual = (PAUSE * 2_u32.pow(tries.min(8))).min(PAUSE_MAX);
    let asked = match &error {
        RegistryError::Refused { retry_after, .. } => retry_after.unwrap_or(usual),
        _ => usual,
    };
    if tries + 1 >= patience.tries || !error.is_passing() || asked > patience.pause {
        return Err(error);
    }
    tokio::time::sleep(asked).await;
    Ok(tries + 1)
}

/// The whole of an answer.
pub(super) async fn body(mut response: Response, max: u64) -> Result<Vec<u8>, RegistryError> {
    let too_large = RegistryError::TooLarge { max };
    if response.content_length().is_some_and(|length| length > max) {
        return Err(too_large);
    }
    let mut whole = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreached)? {
        whole.extend_from_slice(&chunk);
        if whole.len() as u64 > max {
            return Err(too_large);
        }
    }
    Ok(whole)
}

/// Without the address: signatures and the like can be in it.
pub(super) fn unreached(error: reqwest::Error) -> RegistryError {
    RegistryError::Unreached(error.without_url())
}

/// The same in the middle of a blob.
pub(super) fn broken(error: reqwest::Error) -> RegistryError {
    RegistryError::Broken(error.without_url())
}
