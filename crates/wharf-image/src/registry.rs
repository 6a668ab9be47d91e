//! Conversations with registries (OCI distribution specification): who is asked, with whose
//! credentials, and how often.

mod auth;
mod blob;
mod docker_config;
mod error;
mod exchange;
mod hosts;
mod local;

use std::{sync::Arc, time::Duration};

use oci_spec::{
    distribution::Reference,
    image::{Arch, Descriptor, ImageIndex, ImageManifest, Os},
};
use serde_json::Value;

pub(crate) use auth::credential_for;
pub use auth::{Credential, IdentityTokens, Login};
pub(crate) use blob::Counter;
pub use error::RegistryError;
pub(crate) use hosts::Registries;
pub use hosts::{CertificateAuthority, Mirror, RegistryConfig};
pub use local::{LocalError, LocalRegistries, LocalRepository};

use crate::{
    ImageError,
    signature::{self, Detached},
    store::{digest_of, parse_manifest},
};
use exchange::{Ask, Endpoint};
use local::Local;

/// The largest manifest that is believed, in bytes, as registries have it.
const MANIFEST_MAX: u64 = 4 << 20;
/// The largest configuration that is believed, in bytes.
pub(crate) const DOCUMENT_MAX: u64 = 8 << 20;
/// Indexes within indexes.
const DEPTH_MAX: usize = 3;

/// How hard a registry is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// How often one thing is asked for.
    pub(crate) tries: u32,
    /// The longest pause that a registry may ask for.
    pub(crate) pause: Duration,
}

impl Patience {
    /// Somebody waits for the answer.
    pub(crate) const SHORT: Self = Self { tries: 2, pause: Duration::from_secs(3) };
    /// Nobody does.
    pub(crate) const LONG: Self = Self { tries: 5, pause: Duration::from_mins(1) };
}

/// Where content comes from.
#[derive(Debug)]
enum Source {
    /// From somewhere else, or as if it were: mirrors first, then the registry itself.
    Remote(Arc<[Endpoint]>),
    /// From a registry of this host.
    Local(Local),
}

/// A manifest for this platform.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// As the registry sent it.
    pub(crate) bytes: Vec<u8>,
    /// Its digest, after those of the indexes that led to it.
    pub(crate) digests: Vec<String>,
}

/// A conversation about one image.
#[derive(Debug)]
pub(crate) struct Conversation {
    source: Source,
    reference: Reference,
    patience: Patience,
}

impl Conversation {
    pub(crate) fn failed(&self, operation: &str, source: RegistryError) -> ImageError {
        ImageError::Registry {
            operation: operation.to_owned(),
            registry: self.reference.registry().to_owned(),
            source: Box::new(source),
        }
    }

    /// The manifest for this platform, and what led to it.
    pub(crate) async fn manifest(&self) -> Result<Resolved, ImageError> {
        let digest = self.reference.digest();
        let wanted = digest.or_else(|| self.reference.tag()).unwrap_or("latest");
        let mut bytes = self.raw_manifest(wanted).await?;
        let mut digests = Vec::new();
        for _ in 0..DEPTH_MAX {
            digests.push(digest_of(&bytes));
            let document: Value = serde_json::from_slice(&bytes)
                .map_err(|error| ImageError::corrupt("image manifest", error.to_string()))?;
            if document.get("manifests").is_none() {
                return Ok(Resolved { bytes, digests });
            }
            let index = ImageIndex::from_reader(bytes.as_slice())
                .map_err(|error| ImageError::corrupt("image index", error.to_string()))?;
            let Some(descriptor) = for_this_platform(index.manifests()) else {
                return Err(self.failed("get the manifest", RegistryError::Platform));
            };
            bytes = self.raw_manifest(descriptor.digest().as_ref()).await?;
        }
        Err(ImageError::corrupt("image index", "it leads to another, and that to another"))
    }

    /// Manifest and configuration for this platform, as the registry sent them.
    pub(crate) async fn documents(&self) -> Result<(Resolved, Vec<u8>), ImageError> {
        let manifest = self.manifest().await?;
        let config = self.config(&parse_manifest(&manifest.bytes)?).await?;
        Ok((manifest, config))
    }

    /// What is stored beside a manifest as its signatures, with what they sign.
    pub(crate) async fn signatures(
        &self,
        digest: &str,
    ) -> Result<Vec<(Detached, Vec<u8>)>, ImageError> {
        let manifest = match self.raw_manifest(&signature::tag_of(digest)).await {
            Err(ImageError::Registry { source, .. })
                if matches!(*source, RegistryError::NotFound) =>
            {
                return Ok(Vec::new());
            }
            other => parse_manifest(&other?)?,
        };
        let mut found = Vec::new();
        for signature in signature::listed(&manifest) {
            let ask = Ask::blob(&signature.digest);
            let payload = self.document(&ask, signature::PAYLOAD_MAX).await;
            let payload = payload.map_err(|error| self.failed("get a signature", error))?;
            found.push((signature, payload));
        }
        Ok(found)
    }

    async fn config(&self, manifest: &ImageManifest) -> Result<Vec<u8>, ImageError> {
        let digest = manifest.config().digest().to_string();
        if manifest.config().size() > DOCUMENT_MAX {
            return Err(ImageError::corrupt("image configuration", "it is too large"));
        }
        let bytes = self
            .document(&Ask::blob(&digest), DOCUMENT_MAX)
            .await
            .map_err(|error| self.failed("get the configuration", error))?;
        same(&bytes, &digest, "image configuration").map(|()| bytes)
    }

    async fn raw_manifest(&self, wanted: &str) -> Result<Vec<u8>, ImageError> {
        let bytes = self
            .document(&Ask::manifest(wanted), MANIFEST_MAX)
            .await
            .map_err(|error| self.failed("get the manifest", error))?;
        if wanted.contains(':') {
            same(&bytes, wanted, "image manifest")?;
        }
        Ok(bytes)
    }

    /// A small document from whichever endpoint has it; the registry itself has the last word.
    async fn document(&self, ask: &Ask, max: u64) -> Result<Vec<u8>, RegistryError> {
        let endpoints = match &self.source {
            Source::Local(local) => return local.document(ask, max).await,
            Source::Remote(endpoints) => endpoints,
        };
        let mut last = RegistryError::NoEndpoint;
        for endpoint in endpoints.iter() {
            match endpoint.document(ask, max, self.patience).await {
                Ok(bytes) => return Ok(bytes),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn same(bytes: &[u8], digest: &str, what: &str) -> Result<(), ImageError> {
    let found = digest_of(bytes);
    if found == digest {
        return Ok(());
    }
    Err(ImageError::corrupt(what, format!("its digest is {found} and not {digest}")))
}

/// The manifest that says it is for this platform; without any, one that says nothing.
pub(crate) fn for_this_platform(manifests: &[Descriptor]) -> Option<&Descriptor> {
    let fits = |descriptor: &&Descriptor| {
        descriptor.platform().as_ref().is_some_and(|platform| {
            *platform.os() == Os::Linux && *platform.architecture() == Arch::default()
        })
    };
    let silent = || manifests.iter().find(|descriptor| descriptor.platform().is_none());
    manifests.iter().find(fits).or_else(silent)
}
