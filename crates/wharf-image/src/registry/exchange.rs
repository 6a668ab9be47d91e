//! One request to a registry and its answer: credentials where they belong, redirects, patience.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, Response, StatusCode, Url, header};

use super::{
    Credential, Patience, RegistryError,
    auth::{Authorization, Challenge, IdentityTokens, TokenAsk},
};
/// Redirects of one request.
const REDIRECTS_MAX: usize = 5;
/// How much of a refusal is read, in bytes.
const REFUSAL_MAX: u64 = 64 << 10;
/// The first pause before another try; doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// The kinds of manifests that are understood.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// What a repository has.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Manifest,
    Blob,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) kind: Kind,
    /// A digest, or the tag of a manifest.
    pub(super) name: String,
    /// Leave out so many bytes at the beginning.
    pub(super) from: u64,
}

impl Ask {
    pub(super) fn manifest(name: &str) -> Self {
        Self { kind: Kind::Manifest, name: name.to_owned(), from: 0 }
    }

    pub(super) fn blob(digest: &str) -> Self {
        Self { kind: Kind::Blob, name: digest.to_owned(), from: 0 }
    }

    /// Below the registry's address.
    fn path(&self, repository: &str) -> String {
        let kind = match self.kind {
            Kind::Manifest => "manifests",
            Kind::Blob => "blobs",
        };
        format!("v2/{repository}/{kind}/{}", self.name)
    }
}

/// A registry or a mirror of it, and what it wants to see from us.
pub(super) struct Endpoint {
    pub(super) base: Url,
    pub(super) client: Client,
    pub(super) credential: Option<Credential>,
    pub(super) repository: String,
    /// How long the head of an answer may take.
    pub(super) patience: Duration,
    /// Who makes tokens of identities.
    pub(super) identities: Option<Arc<dyn IdentityTokens>>,
    pub(super) authorization: tokio::sync::Mutex<Option<Authorization>>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.base.as_str())
    }
}

impl Endpoint {
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
            login: self.credential.as_ref().map(|known| &known.login),
            identities: self.identities.as_ref(),
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
        let path = ask.path(&self.repository);
        let mut url =
            self.base.join(&path).map_err(|_| RegistryError::Address { address: path })?;
        for _ in 0..=REDIRECTS_MAX {
            let mut request = self.client.get(url.clone());
            if matches!(ask.kind, Kind::Manifest) {
                request = request.header(header::ACCEPT, MANIFESTS);
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
