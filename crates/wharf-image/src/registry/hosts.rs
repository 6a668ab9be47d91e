//! What the administrator says about registries, and the connections to them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use camino::Utf8PathBuf;
use oci_spec::distribution::Reference;
use reqwest::{Certificate, Client, Url, redirect::Policy};
use tokio::sync::OnceCell;

use super::{
    Conversation, Credential, IdentityTokens, LocalRegistries, Patience, RegistryError, Source,
    credential_for, docker_config, exchange::Endpoint, local::Local,
};
use crate::{
    ImageError,
    reference::{canonical, is_insecure, is_loopback},
};

/// A place that has copies of another registry's images and wants no credentials for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The registry whose images it has.
    pub registry: String,
    /// Where it is: `https://host[:port]`, or with `http`.
    pub url: String,
}

/// Whom to believe about a registry besides the host's certificate authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateAuthority {
    /// The registry.
    pub registry: String,
    /// Certificates in PEM.
    pub file: Utf8PathBuf,
}

impl CertificateAuthority {
    fn is_about(&self, registry: &str) -> bool {
        canonical(&self.registry) == canonical(registry)
    }
}

/// What the administrator says about registries.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    /// Registries (`host` or `host:port`) spoken to without TLS, besides loopback.
    pub insecure: Vec<String>,
    /// Asked before the registries themselves, in this order.
    pub mirrors: Vec<Mirror>,
    /// Own certificate authorities.
    pub authorities: Vec<CertificateAuthority>,
    /// A `config.json` of docker: credentials for groups that bring none.
    pub docker_config: Option<Utf8PathBuf>,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long a registry may be silent.
    pub read_timeout: Duration,
    /// Who makes tokens of the identities that groups pull with.
    pub identities: Option<Arc<dyn IdentityTokens>>,
    /// Who keeps registries on this host.
    pub local: Option<Arc<dyn LocalRegistries>>,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self {
            insecure: Vec::new(),
            mirrors: Vec::new(),
            authorities: Vec::new(),
            docker_config: None,
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(15),
            identities: None,
            local: None,
        }
    }
}

/// All registries, and what is open to them. Connections are shared, tokens never are.
#[derive(Debug)]
pub(crate) struct Registries {
    config: RegistryConfig,
    clients: Mutex<HashMap<String, Client>>,
}

impl Registries {
    pub(crate) fn new(config: RegistryConfig) -> Self {
        Self { config, clients: Mutex::default() }
    }

    /// Begins a conversation with the one of these credentials that is meant for the registry, or
    /// the administrator's.
    pub(crate) fn converse(
        &self,
        reference: Reference,
        credentials: &[Credential],
        patience: Patience,
    ) -> Result<Conversation, ImageError> {
        let registry = reference.registry().to_owned();
        let source = self.source(&reference, credentials).map_err(|source| {
            let operation = "prepare to pull".to_owned();
            ImageError::Registry { operation, registry, source: Box::new(source) }
        })?;
        Ok(Conversation { source, reference, patience })
    }

    fn source(
        &self,
        reference: &Reference,
        credentials: &[Credential],
    ) -> Result<Source, RegistryError> {
        let registry = reference.registry();
        let own = credential_for(registry, credentials).cloned();
        // Who brings credentials must show them to the registry itself.
        let may_be_mirrored = own.is_none();
        let credential = match own {
            Some(own) => Some(own),
            None => self.host_credential(registry)?,
        };
        if let Some(local) = self.config.local.as_ref().filter(|local| local.has(registry)) {
            return Ok(Source::Local(Local {
                registries: Arc::clone(local),
                registry: registry.to_owned(),
                repository: reference.repository().to_owned(),
                login: credential.map(|known| known.login),
                opened: OnceCell::new(),
            }));
        }
        let mut endpoints = Vec::new();
        if may_be_mirrored {
            let wanted = canonical(registry);
            for mirror in self.config.mirrors.iter().filter(|m| canonical(&m.registry) == wanted) {
                endpoints.push(self.mirror(mirror, reference)?);
            }
        }
        let host = match canonical(registry).as_str() {
            "docker.io" => "registry-1.docker.io".to_owned(),
            _ => registry.to_owned(),
        };
        // Who names certificate authorities for a registry wants TLS, on this host as well.
        let is_plain = is_insecure(registry, &self.config.insecure)
            && self.config.authorities.iter().all(|known| !known.is_about(registry));
        let scheme = if is_plain { "http" } else { "https" };
        endpoints.push(self.endpoint(&format!("{scheme}://{host}"), reference, credential)?);
        Ok(Source::Remote(endpoints.into()))
    }

    fn mirror(&self, mirror: &Mirror, reference: &Reference) -> Result<Endpoint, RegistryError> {
        let credential = self.host_credential(&canonical(&mirror.url))?;
        self.endpoint(&mirror.url, reference, credential)
    }

    fn endpoint(
        &self,
        url: &str,
        reference: &Reference,
        credential: Option<Credential>,
    ) -> Result<Endpoint, RegistryError> {
        let mut base: Url =
            url.parse().map_err(|_| RegistryError::Address { address: url.to_owned() })?;
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let host = base.host_str().unwrap_or_default();
        let name = base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Endpoint {
            base,
            client: self.client(&name)?,
            credential,
            repository: reference.repository().to_owned(),
            patience: self.config.connect_timeout + self.config.read_timeout * 2,
            identities: self.config.identities.clone(),
            authorization: tokio::sync::Mutex::default(),
        })
    }

    fn host_credential(&self, registry: &str) -> Result<Option<Credential>, RegistryError> {
        let Some(path) = &self.config.docker_config else { return Ok(None) };
        let known = docker_config::read(path)?;
        Ok(credential_for(registry, &known).cloned())
    }

    fn client(&self, host: &str) -> Result<Client, RegistryError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(host) {
            return Ok(client.clone());
        }
        let client = self.make_client(host)?;
        clients.insert(host.to_owned(), client.clone());
        Ok(client)
    }

    fn make_client(&self, host: &str) -> Result<Client, RegistryError> {
        let mut builder = Client::builder()
            .user_agent(concat!("wharf/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.config.connect_timeout)
            .read_timeout(self.config.read_timeout)
            // Redirects are followed by hand: credentials go to nobody else.
            .redirect(Policy::none());
        // As with other tools no proxy is asked for what is on this host.
        if is_loopback(host) {
            builder = builder.no_proxy();
        }
        for authority in self.config.authorities.iter().filter(|known| known.is_about(host)) {
            builder = builder.tls_certs_merge(certificates(authority)?);
        }
        builder.build().map_err(|source| RegistryError::Client(source.without_url()))
    }
}

fn certificates(authority: &CertificateAuthority) -> Result<Vec<Certificate>, RegistryError> {
    let unreadable =
        |reason: String| RegistryError::Authority { path: authority.file.clone(), reason };
    let pem = fs_err::read(&authority.file).map_err(|error| unreadable(error.to_string()))?;
    let found =
        Certificate::from_pem_bundle(&pem).map_err(|error| unreadable(error.to_string()))?;
    if found.is_empty() {
        return Err(unreadable("it holds no certificate".to_owned()));
    }
    Ok(found)
}
