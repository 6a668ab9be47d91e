//! Who is let in to what: the challenge, what a request needs, what its sender has.

use axum::http::{Method, header, request::Parts, uri::Authority};

use super::{Service, Target, blocking, route::Place};
use crate::{
    access::{Action, Claims, Credential, Grant, Kind, Shown, TOKEN_USER, Who},
    error::RegistryError,
};

/// What stands for the list of repositories in scopes.
pub(super) const CATALOG: (&str, &str) = ("registry", "catalog");

/// Where a request came in.
#[derive(Clone, Debug)]
pub(super) struct Door {
    pub(super) target: Target,
    /// Host and port, as the client names them.
    pub(super) host: String,
}

impl Door {
    pub(super) fn of(target: Target, parts: &Parts) -> Self {
        let named = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = parts.uri.authority().map(Authority::as_str).or(named).unwrap_or_default();
        let is_plain = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']')
        };
        let host = if host.bytes().all(is_plain) { host } else { "" };
        Self { target, host: host.to_owned() }
    }

    /// What has to be shown, in the words of the distribution specification.
    pub(super) fn challenge(&self, scope: Option<&str>, is_known: bool) -> String {
        let host = &self.host;
        let scope = scope.map(|scope| format!(",scope=\"{scope}\"")).unwrap_or_default();
        let error = if is_known { ",error=\"insufficient_scope\"" } else { "" };
        format!("Bearer realm=\"https://{host}/oauth2/token\",service=\"{host}\"{scope}{error}")
    }

    /// What clients here put before the names of a registry's repositories.
    pub(super) fn prefix(&self, registry: &str) -> String {
        match self.target {
            Target::Named(_) => String::new(),
            Target::InPath => format!("{registry}/"),
        }
    }

    /// The registry that the host names.
    pub(super) fn registry(&self) -> Option<&str> {
        match &self.target {
            Target::Named(name) => Some(name),
            Target::InPath => None,
        }
    }
}

/// Who makes a request, and what of their rights it may use.
pub(super) struct Caller {
    pub(super) who: Who,
    /// The registry that their token is for.
    registry: Option<String>,
    /// All of them without.
    access: Option<Vec<Grant>>,
}

impl Caller {
    /// The registry that they mean when a path names none.
    pub(super) fn home(&self) -> Option<&str> {
        match &self.who {
            Who::Admin { registry, .. } => Some(registry),
            Who::Principal(_) => self.registry.as_deref(),
        }
    }

    /// Whether what they showed is for some things only, whatever their rights.
    pub(super) fn is_bounded(&self) -> bool {
        self.access.is_some()
    }

    /// Somebody who is known without having shown anything.
    pub(super) fn known(who: Who) -> Self {
        Self { who, registry: None, access: None }
    }

    fn of(claims: Claims) -> Self {
        let access = (claims.kind == Kind::Access).then_some(claims.access);
        Self { who: claims.who, registry: claims.registry, access }
    }

    /// Whether what they showed covers an action, whatever their rights.
    fn covers(&self, registry: &str, thing: Option<&str>, action: Action) -> bool {
        let Some(access) = &self.access else { return true };
        access.iter().any(|grant| match thing {
            None => {
                (grant.kind.as_str(), grant.name.as_str()) == CATALOG
                    && grant.actions.iter().any(|known| known == "*")
            }
            Some(repository) => {
                let known = match &self.registry {
                    Some(_) => Some(grant.name.as_str()),
                    None => {
                        grant.name.strip_prefix(registry).and_then(|rest| rest.strip_prefix('/'))
                    }
                };
                grant.kind == "repository"
                    && known == Some(repository)
                    && grant.actions.iter().any(|known| known == action.name())
            }
        })
    }
}

/// What a request needs: one of some actions, on a repository or on the list of them.
pub(super) struct Need {
    pub(super) repository: Option<String>,
    pub(super) actions: &'static [Action],
}

impl Need {
    /// What clients ask a token server for.
    pub(super) fn scope(&self, prefix: &str) -> String {
        match &self.repository {
            None => "registry:catalog:*".to_owned(),
            Some(name) => {
                let action = match self.actions.first() {
                    // Who pushes looks first at what is there.
                    Some(Action::Push) => "pull,push",
                    Some(action) => action.name(),
                    None => "pull",
                };
                format!("repository:{prefix}{name}:{action}")
            }
        }
    }
}

impl Place {
    pub(super) fn needs(&self, method: &Method) -> Option<Need> {
        const READ: &[Action] = &[Action::Pull];
        const LOOK: &[Action] = &[Action::MetadataRead, Action::Pull];
        const ADD: &[Action] = &[Action::Push];
        const REMOVE: &[Action] = &[Action::Delete];
        const NOTE: &[Action] = &[Action::MetadataWrite];
        let is_safe = method.is_safe();
        let of = |repository: &str, actions| {
            Some(Need { repository: Some(repository.to_owned()), actions })
        };
        match self {
            Self::Base => None,
            Self::Catalog => Some(Need { repository: None, actions: LOOK }),
            Self::Tags { repository } => of(repository, LOOK),
            Self::Uploads { repository } | Self::Upload { repository, .. } => of(repository, ADD),
            Self::Metadata { repository, .. } => of(
                repository,
                match *method {
                    Method::DELETE => REMOVE,
                    _ if is_safe => LOOK,
                    _ => NOTE,
                },
            ),
            Self::Manifest { repository, .. }
            | Self::Referrers { repository, .. }
            | Self::Blob { repository, .. } => {
                let actions = match *method {
                    Method::DELETE => REMOVE,
                    _ if is_safe => READ,
                    _ => ADD,
                };
                of(repository, actions)
            }
        }
    }
}

impl Service {
    /// Who makes a request.
    pub(super) async fn caller(
        &self,
        door: &Door,
        credential: Credential,
    ) -> Result<Option<Caller>, RegistryError> {
        let (user, password) = match credential {
            Credential::Token(token) => {
                let found = self.registries.read(&token);
                return Ok(found.filter(|found| found.kind == Kind::Access).map(Caller::of));
            }
            Credential::Password { user, password } => (user, password),
        };
        let mut shown = Shown::Password { user: user.clone(), password };
        if user == TOKEN_USER
            && let Shown::Password { password: token, .. } = shown
        {
            if let Some(claims) = self.registries.read(&token) {
                return Ok(Some(Caller::of(claims)));
            }
            shown = Shown::Identity(token);
        }
        let who = self.registries.log_in(door.registry(), shown).await;
        let registry = door.registry().map(str::to_owned);
        let found = who.map_err(RegistryError::Look)?;
        Ok(found.map(|who| Caller { who, registry, access: None }))
    }

    /// What somebody may do in a registry, if it is one of theirs.
    pub(super) async fn rights(
        &self,
        registry: &str,
        who: &Who,
    ) -> Result<Option<Vec<Action>>, RegistryError> {
        let (registries, registry) = (self.registries.clone(), registry.to_owned());
        let who = who.clone();
        blocking(move || registries.rights(&registry, &who).map_err(RegistryError::Look)).await
    }

    /// Refuses who may not do what they ask for.
    pub(super) async fn admit(
        &self,
        caller: &Caller,
        registry: &str,
        (need, prefix): (Option<&Need>, &str),
    ) -> Result<Vec<Action>, RegistryError> {
        let scope = need.map(|need| need.scope(prefix));
        let is_theirs = caller.registry.as_deref().is_none_or(|known| known == registry);
        let rights = self.rights(registry, &caller.who).await?.filter(|_| is_theirs);
        let Some(rights) = rights else { return Err(RegistryError::unauthorized(scope)) };
        let Some(need) = need else { return Ok(rights) };
        let mut wanted = need.actions.iter().filter(|action| rights.contains(action));
        let thing = need.repository.as_deref();
        if wanted.any(|action| caller.covers(registry, thing, *action)) {
            return Ok(rights);
        }
        match caller.access {
            Some(_) => Err(RegistryError::Unauthorized { scope, is_known: true }),
            None => Err(RegistryError::denied()),
        }
    }

    /// Whether somebody may read a repository besides the one that they asked for.
    pub(super) fn may_pull(caller: &Caller, registry: &str, rights: &[Action], name: &str) -> bool {
        rights.contains(&Action::Pull) && caller.covers(registry, Some(name), Action::Pull)
    }
}
