//! Tokens for who has shown who they are: the token server of the distribution specification and
//! Azure Container Registry's exchange, on the registry's own address.

use std::collections::HashMap;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderValue, Method, header, request::Parts},
};
use serde_json::{Value, json};

use super::{
    Service,
    answer::{Answer, document, query_all},
    blocking,
    door::{CATALOG, Caller, Door},
    unsupported,
};
use crate::{
    access::{Action, Claims, Credential, Grant, Kind, Shown},
    error::{Code, RegistryError},
};

/// The largest form, in bytes.
const FORM_MAX: usize = 64 << 10;

/// Where tokens are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Office {
    /// A token of an identity is exchanged for a refresh token.
    Exchange,
    /// Access tokens are given.
    Token,
}

impl Office {
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            "/oauth2/exchange" => Some(Self::Exchange),
            "/oauth2/token" => Some(Self::Token),
            _ => None,
        }
    }
}

/// The fields of a form; scopes may come more than once, and several in one.
struct Form {
    fields: HashMap<String, String>,
    scopes: Vec<String>,
}

impl Form {
    fn parse(text: &str) -> Self {
        let mut form = Self { fields: HashMap::new(), scopes: Vec::new() };
        for (name, value) in query_all(text) {
            if name == "scope" {
                form.scopes.extend(value.split_whitespace().map(str::to_owned));
            } else {
                form.fields.insert(name, value);
            }
        }
        form
    }

    fn take(&mut self, name: &str) -> Result<String, RegistryError> {
        let value = self.fields.remove(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| invalid(format!("{name} is required.")))
    }
}

impl Service {
    pub(super) async fn give(
        &self,
        office: Office,
        door: &Door,
        parts: &Parts,
        body: Body,
    ) -> Result<Answer, RegistryError> {
        match (office, &parts.method) {
            (Office::Exchange, &Method::POST) => self.exchange(door, form(body).await?).await,
            (Office::Token, &Method::POST) => self.redeem(door, form(body).await?).await,
            (Office::Token, &Method::GET) => {
                let form = Form::parse(parts.uri.query().unwrap_or_default());
                let credential = Credential::of(&parts.headers);
                let credential = credential.ok_or_else(|| RegistryError::unauthorized(None))?;
                self.access(door, credential, &form.scopes).await
            }
            _ => Err(unsupported()),
        }
    }

    /// A refresh token for a token of an identity.
    async fn exchange(&self, door: &Door, mut form: Form) -> Result<Answer, RegistryError> {
        let kind = form.take("grant_type")?;
        if !matches!(kind.as_str(), "access_token" | "access_token_refresh_token") {
            return Err(invalid(format!("grant_type {kind} is not known here.")));
        }
        let shown = Shown::Identity(form.take("access_token")?);
        let who = self.registries.log_in(door.registry(), shown).await;
        let who = who.map_err(RegistryError::Look)?;
        let who = who.ok_or_else(|| RegistryError::unauthorized(None))?;
        if let Some(registry) = door.registry()
            && self.rights(registry, &who).await?.is_none()
        {
            return Err(RegistryError::unauthorized(None));
        }
        let registry = door.registry().map(str::to_owned);
        let token = self.sign(Claims::refresh(registry, who)).await?;
        answer(&json!({ "refresh_token": token }))
    }

    /// An access token for a refresh token, or for a name with a password.
    async fn redeem(&self, door: &Door, mut form: Form) -> Result<Answer, RegistryError> {
        let credential = match form.take("grant_type")?.as_str() {
            "refresh_token" => {
                let token = form.take("refresh_token")?;
                let found = self.registries.read(&token);
                if found.is_none_or(|found| found.kind != Kind::Refresh) {
                    return Err(RegistryError::unauthorized(None));
                }
                let user = crate::access::TOKEN_USER.to_owned();
                Credential::Password { user, password: token }
            }
            "password" => {
                let user = form.take("username")?.to_ascii_lowercase();
                Credential::Password { user, password: form.take("password")? }
            }
            kind => return Err(invalid(format!("grant_type {kind} is not known here."))),
        };
        self.access(door, credential, &form.scopes).await
    }

    /// An access token for as much of some scopes as somebody has.
    async fn access(
        &self,
        door: &Door,
        credential: Credential,
        scopes: &[String],
    ) -> Result<Answer, RegistryError> {
        // An access token gets no other one, which could give more or hold longer.
        let caller = self.caller(door, credential).await?.filter(|caller| !caller.is_bounded());
        let caller = caller.ok_or_else(|| RegistryError::unauthorized(None))?;
        if let Some(registry) = door.registry().or_else(|| caller.home()) {
            self.admit(&caller, registry, (None, "")).await?;
        }
        let mut access = Vec::new();
        for scope in scopes {
            access.extend(self.part(door, &caller, scope).await?);
        }
        let registry = door.registry().map(str::to_owned);
        let claims = Claims { kind: Kind::Access, registry, who: caller.who, access };
        let seconds = claims.lifetime().as_secs();
        let token = self.sign(claims).await?;
        answer(&json!({ "access_token": token, "token": token, "expires_in": seconds }))
    }

    /// What of one scope somebody has.
    async fn part(
        &self,
        door: &Door,
        caller: &Caller,
        scope: &str,
    ) -> Result<Option<Grant>, RegistryError> {
        let Some((kind, name, wanted)) = split(scope) else { return Ok(None) };
        let (registry, thing) = match (door.registry(), kind) {
            (Some(named), _) => (Some(named), name),
            (None, "repository") => match name.split_once('/') {
                Some((registry, rest)) => (Some(registry), rest),
                None => return Ok(None),
            },
            (None, _) => (caller.home(), name),
        };
        let Some(registry) = registry else { return Ok(None) };
        let rights = match self.admit(caller, registry, (None, "")).await {
            Err(RegistryError::Unauthorized { .. }) => return Ok(None),
            rights => rights?,
        };
        let is_catalog = (kind, name) == CATALOG;
        let actions: Vec<String> = if is_catalog {
            let may = rights.contains(&Action::MetadataRead) || rights.contains(&Action::Pull);
            may.then(|| "*".to_owned()).into_iter().collect()
        } else if kind == "repository" && crate::names::check_repository(thing).is_ok() {
            let is_wanted = |action: &Action| {
                wanted.split(',').any(|wanted| wanted == "*" || wanted == action.name())
            };
            let found = Action::ALL.into_iter().filter(|action| rights.contains(action));
            found.filter(is_wanted).map(|action| action.name().to_owned()).collect()
        } else {
            Vec::new()
        };
        let (kind, name) = (kind.to_owned(), name.to_owned());
        Ok((!actions.is_empty()).then_some(Grant { kind, name, actions }))
    }

    async fn sign(&self, claims: Claims) -> Result<String, RegistryError> {
        let registries = self.registries.clone();
        blocking(move || registries.sign(&claims).map_err(RegistryError::Look)).await
    }
}

/// `type:name:action,action`; a name may hold a colon, if a port is in it.
fn split(scope: &str) -> Option<(&str, &str, &str)> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    Some((kind, name, actions))
}

async fn form(body: Body) -> Result<Form, RegistryError> {
    let bytes = to_bytes(body, FORM_MAX).await.map_err(RegistryError::Body)?;
    Ok(Form::parse(&String::from_utf8_lossy(&bytes)))
}

/// Nobody on the way may keep it.
fn answer(found: &Value) -> Result<Answer, RegistryError> {
    let mut answer = document("application/json", found, None)?;
    let never = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, never);
    Ok(answer)
}

fn invalid(message: String) -> RegistryError {
    RegistryError::because(Code::RequestInvalid, message)
}
