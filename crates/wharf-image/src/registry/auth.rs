//! How one shows a registry who one is: basic, bearer tokens (distribution specification), and
//! Azure Container Registry's exchange of tokens.

use std::{error::Error, fmt, sync::Arc};

use reqwest::{Client, Response, StatusCode, Url, header};
use serde::Deserialize;

use super::{RegistryError, exchange};
use crate::reference::{canonical, is_loopback};

/// The user name that says that the password is a refresh token, or an access token of Microsoft
/// Entra that an Azure Container Registry exchanges for one.
pub(super) const REFRESH_TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";

/// Who one is for one registry.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Host and optional port.
    pub server: String,
    /// What is shown there.
    pub login: Login,
}

/// What is shown to a registry.
#[derive(Clone)]
pub enum Login {
    /// A user name and a password.
    Password {
        /// User name.
        username: String,
        /// Password.
        password: String,
    },
    /// A token of a managed identity, made when it is needed.
    Identity {
        /// What users call it: its resource id.
        id: String,
        /// Who it is, whatever it is called.
        principal: String,
    },
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { username, .. } => f.write_str(username),
            Self::Identity { id, .. } => f.write_str(id),
        }
    }
}

impl Credential {
    /// With a user name and a password.
    pub fn password(server: String, username: String, password: String) -> Self {
        Self { server, login: Login::Password { username, password } }
    }
}

/// Whoever makes tokens of managed identities.
pub trait IdentityTokens: fmt::Debug + Send + Sync {
    /// A token with which this principal reaches registries. May block.
    fn token(&self, principal: &str) -> Result<String, Box<dyn Error + Send + Sync>>;
}

/// The credential that is meant for a registry.
pub(crate) fn credential_for<'a>(
    registry: &str,
    credentials: &'a [Credential],
) -> Option<&'a Credential> {
    let wanted = canonical(registry);
    credentials.iter().find(|known| canonical(&known.server) == wanted)
}

/// What is sent with every request once it is known what the registry wants.
#[derive(Clone)]
pub(super) enum Authorization {
    Basic(String, String),
    Bearer(String),
}

/// What a registry wants to see.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Challenge {
    /// The strongest challenge of an answer that can be met.
    pub(super) fn of(response: &Response) -> Option<Self> {
        let headers = response.headers().get_all(header::WWW_AUTHENTICATE);
        let texts = headers.iter().filter_map(|value| value.to_str().ok());
        let mut found = texts.filter_map(Self::parse).collect::<Vec<_>>();
        found.sort_by_key(|challenge| *challenge == Self::Basic);
        found.into_iter().next()
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        for (name, value) in parameters(rest) {
            match name.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                "scope" => scope = Some(value),
                _ => {}
            }
        }
        Some(Self::Bearer { realm: realm?, service, scope })
    }
}

/// `name="value", name=value`; a value in quotes may hold commas.
fn parameters(mut rest: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',']).to_owned();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.push((name, value.trim().to_owned()));
        rest = left;
    }
    found
}

/// What a token server answers.
#[derive(Deserialize)]
struct Tokens {
    token: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
}

/// Whom to ask for a token, and for what.
pub(super) struct TokenAsk<'a> {
    pub(super) client: &'a Client,
    /// The registry: a secret for it goes nowhere without TLS if it has TLS itself.
    pub(super) registry: &'a Url,
    pub(super) repository: &'a str,
    pub(super) login: Option<&'a Login>,
    pub(super) identities: Option<&'a Arc<dyn IdentityTokens>>,
}

impl TokenAsk<'_> {
    /// Meets a challenge.
    pub(super) async fn meet(&self, challenge: Challenge) -> Result<Authorization, RegistryError> {
        match (challenge, self.login) {
            (Challenge::Basic, Some(Login::Password { username, password })) => {
                Ok(Authorization::Basic(username.clone(), password.clone()))
            }
            (Challenge::Basic, Some(Login::Identity { id, .. })) => {
                Err(RegistryError::OnlyPasswords { id: id.clone() })
            }
            (Challenge::Basic, None) => Err(RegistryError::NoCredential),
            (Challenge::Bearer { realm, service, scope }, known) => {
                let realm = self.realm(&realm)?;
                let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", self.repository));
                let service = service.unwrap_or_default();
                let of = (service.as_str(), scope.as_str());
                let token = match known {
                    Some(Login::Identity { id, principal }) => {
                        self.as_identity(&realm, of, (id, principal)).await
                    }
                    Some(Login::Password { username, password })
                        if username == REFRESH_TOKEN_USER =>
                    {
                        self.refresh(&realm, of, password).await
                    }
                    Some(Login::Password { username, password }) => {
                        self.token(&realm, of, Some((username, password))).await
                    }
                    None => self.token(&realm, of, None).await,
                };
                token.map(Authorization::Bearer)
            }
        }
    }

    /// A token for one of a managed identity, which the registry has to trust.
    async fn as_identity(
        &self,
        realm: &Url,
        of: (&str, &str),
        (id, principal): (&str, &str),
    ) -> Result<String, RegistryError> {
        let failed = |source| RegistryError::IdentityToken { id: id.to_owned(), source };
        let issuer = Arc::clone(self.identities.ok_or_else(|| failed("nobody makes them".into()))?);
        let principal = principal.to_owned();
        let token = tokio::task::spawn_blocking(move || issuer.token(&principal));
        let token = token.await.map_err(|error| failed(error.into()))?.map_err(failed)?;
        let refresh = self.exchange(realm, of.0, &token).await.map_err(|error| match error {
            // No such address, or nothing that is known there.
            RegistryError::Denied { .. } | RegistryError::NotFound | RegistryError::NoToken => {
                RegistryError::UnknownIssuer { id: id.to_owned() }
            }
            RegistryError::Refused { status, .. } if status.is_client_error() => {
                RegistryError::UnknownIssuer { id: id.to_owned() }
            }
            other => other,
        })?;
        self.refresh_token(realm, of, &refresh).await
    }

    fn realm(&self, realm: &str) -> Result<Url, RegistryError> {
        let address = || RegistryError::Address { address: realm.to_owned() };
        let url: Url = realm.parse().map_err(|_| address())?;
        let is_plain = url.scheme() == "http" && !is_loopback(url.host_str().unwrap_or_default());
        match url.scheme() {
            "https" => Ok(url),
            "http" if !is_plain || self.registry.scheme() == "http" => Ok(url),
            _ => Err(address()),
        }
    }

    /// The token flow of the distribution specification.
    async fn token(
        &self,
        realm: &Url,
        of: (&str, &str),
        login: Option<(&str, &str)>,
    ) -> Result<String, RegistryError> {
        let mut url = realm.clone();
        if !of.0.is_empty() {
            url.query_pairs_mut().append_pair("service", of.0);
        }
        url.query_pairs_mut().append_pair("scope", of.1);
        let mut request = self.client.get(url);
        if let Some((username, password)) = login {
            request = request.basic_auth(username, Some(password));
        }
        let tokens = self.tokens(request).await?;
        tokens.token.or(tokens.access_token).ok_or(RegistryError::NoToken)
    }

    /// A token for a refresh token; what is no refresh token may be one of Microsoft Entra, which
    /// the registry exchanges for one.
    async fn refresh(
        &self,
        realm: &Url,
        of: (&str, &str),
        secret: &str,
    ) -> Result<String, RegistryError> {
        match self.refresh_token(realm, of, secret).await {
            Err(RegistryError::Denied { .. }) => {}
            other => return other,
        }
        let refresh = self.exchange(realm, of.0, secret).await?;
        self.refresh_token(realm, of, &refresh).await
    }

    /// A refresh token of the registry for a token of whom it trusts.
    async fn exchange(
        &self,
        realm: &Url,
        service: &str,
        token: &str,
    ) -> Result<String, RegistryError> {
        let mut exchange = realm.clone();
        exchange.set_path("/oauth2/exchange");
        exchange.set_query(None);
        let form = [("grant_type", "access_token"), ("service", service), ("access_token", token)];
        let tokens = self.tokens(self.form(exchange, &form)).await?;
        tokens.refresh_token.ok_or(RegistryError::NoToken)
    }

    async fn refresh_token(
        &self,
        realm: &Url,
        of: (&str, &str),
        token: &str,
    ) -> Result<String, RegistryError> {
        let form = [
            ("grant_type", "refresh_token"),
            ("service", of.0),
            ("scope", of.1),
            ("refresh_token", token),
        ];
        let tokens = self.tokens(self.form(realm.clone(), &form)).await?;
        tokens.access_token.or(tokens.token).ok_or(RegistryError::NoToken)
    }

    fn form(&self, url: Url, pairs: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let mut form = url.clone();
        form.set_query(None);
        form.query_pairs_mut().extend_pairs(pairs);
        let body = form.query().unwrap_or_default().to_owned();
        let kind = "application/x-www-form-urlencoded";
        self.client.post(url).header(header::CONTENT_TYPE, kind).body(body)
    }

    async fn tokens(&self, request: reqwest::RequestBuilder) -> Result<Tokens, RegistryError> {
        let response = request.send().await.map_err(exchange::unreached)?;
        let status = response.status();
        let body = exchange::body(response, 1 << 20).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| RegistryError::NoToken);
        }
        // Token servers of OAuth answer 400 to a secret that is none.
        if matches!(status, StatusCode::BAD_REQUEST) && self.login.is_some() {
            return Err(RegistryError::Denied { status });
        }
        Err(RegistryError::refused(status, &body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let text = r#"Bearer realm="https://a.example/token",service="a.example",scope="repository:x:pull,push""#;
        let Some(Challenge::Bearer { realm, service, scope }) = Challenge::parse(text) else {
            unreachable!("it is a bearer challenge")
        };
        assert_eq!(realm, "https://a.example/token");
        assert_eq!(service.as_deref(), Some("a.example"));
        assert_eq!(scope.as_deref(), Some("repository:x:pull,push"));
        assert_eq!(Challenge::parse("basic realm=lab"), Some(Challenge::Basic));
        assert_eq!(Challenge::parse("Negotiate"), None);
        assert_eq!(Challenge::parse("Bearer service=x"), None);
    }
}
