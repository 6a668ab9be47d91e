//! Fetching an image from its registry: manifest, configuration, then layers side by side, each
//! streamed through digest check and unpacking without touching the disk packed.

use std::{fmt, io, sync::Arc, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol},
    errors::OciDistributionError,
    manifest::{OciDescriptor, OciManifest},
    secrets::RegistryAuth,
};
use tokio_util::io::{StreamReader, SyncIoBridge};

use crate::{
    Audience, Image, ImageError, ImageStore,
    access::Access,
    layers,
    reference::{self, is_insecure},
    store::{digest_of, lock, parse_config, parse_manifest},
};

/// Layers fetched at once: more do not help two cores and one disk.
const SIDE_BY_SIDE: usize = 2;
/// How long a check of one image may take in all.
const CHECK_MAX: Duration = Duration::from_secs(20);
/// The largest manifest or configuration that is believed, in bytes.
pub(crate) const DOCUMENT_MAX: u64 = 8 << 20;
const MANIFESTS: &[&str] = &[
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// User and password for one registry.
#[derive(Clone)]
pub struct Credential {
    /// Host and optional port.
    pub server: String,
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.username, self.server)
    }
}

/// How far a pull is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Progress {
    /// Layers that are here now.
    pub layers_done: usize,
    /// Layers of the image.
    pub layers: usize,
    /// Packed size of the layers that are here now, in bytes.
    pub bytes_done: u64,
    /// Packed size of all layers, in bytes.
    pub bytes: u64,
}

/// A conversation with one registry about one image.
struct Conversation {
    client: Client,
    auth: RegistryAuth,
    reference: Reference,
    patience: Duration,
    /// Of the credential that is shown, if any is.
    fingerprint: Option<String>,
}

impl ImageStore {
    /// Whether the image can be had with these credentials: it is here for whoever has them, or its
    /// registry offers it for this platform.
    pub async fn check(
        &self,
        reference: &str,
        credentials: &[Credential],
    ) -> Result<(), ImageError> {
        let parsed = reference::parse(reference)?;
        let whole = parsed.whole();
        let conversation = self.converse(parsed, credentials);
        if self.is_allowed(&whole, &conversation) || Self::is_embedded(reference)? {
            return Ok(());
        }
        tokio::time::timeout(CHECK_MAX, conversation.manifest())
            .await
            .map_err(|_| conversation.silent(CHECK_MAX))??;
        self.grant(&whole, &Access::shown(conversation.fingerprint))
    }

    fn is_allowed(&self, whole: &str, conversation: &Conversation) -> bool {
        let images = lock(&self.inner.images);
        let found = images.get(whole);
        found.is_some_and(|image| image.access.allows(conversation.fingerprint.as_deref()))
    }

    /// Names a set of credentials without telling them: who has the same can share a pull.
    pub fn fingerprint(&self, reference: &str, credentials: &[Credential]) -> Option<String> {
        let registry = reference::registry_of(reference)?;
        let credential = credential_for(&registry, credentials)?;
        Some(self.inner.fingerprints.of(credential))
    }

    /// Fetches the image even if it is here, since a tag may have moved; layers that are here are
    /// not fetched again. Callers with one reference and the same credentials wait for each other
    /// and share the result.
    pub async fn pull(
        &self,
        reference: &str,
        (credentials, audience): (&[Credential], Audience),
        now: Timestamp,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Result<Image, ImageError> {
        let parsed = reference::parse(reference)?;
        let whole = parsed.whole();
        let _kept = self.inner.leases.take(vec![whole.clone()]);
        let conversation = Arc::new(self.converse(parsed, credentials));
        let fingerprint = conversation.fingerprint.clone();
        let _turn = self.turn(&format!("{whole} {fingerprint:?}")).await;
        if let Some(image) = self.resolve(reference)?
            && image.stored_at > now
            && image.access.allows(fingerprint.as_deref())
        {
            return Ok(image);
        }
        if let Some(image) = self.import_embedded(&whole, now).await? {
            return Ok(image);
        }
        let (manifest_bytes, config_bytes) = conversation.documents().await?;
        let manifest = parse_manifest(&manifest_bytes)?;
        let config = parse_config(&config_bytes)?;
        let diff_ids = config.rootfs().diff_ids();
        if diff_ids.len() != manifest.layers().len() {
            return Err(ImageError::corrupt(whole, "layers and diff ids differ in number"));
        }
        let _layers_kept = self.inner.leases.take(diff_ids.clone());
        let mut done = Progress {
            layers_done: 0,
            layers: diff_ids.len(),
            bytes_done: 0,
            bytes: manifest.layers().iter().map(oci_spec::image::Descriptor::size).sum(),
        };
        progress(done.clone());
        let wanted: Vec<(String, String, u64)> = diff_ids
            .iter()
            .zip(manifest.layers())
            .map(|(diff_id, layer)| (diff_id.clone(), layer.digest().to_string(), layer.size()))
            .collect();
        let fetches =
            wanted.into_iter().map(|(diff_id, digest, size)| {
                let conversation = Arc::clone(&conversation);
                async move {
                    self.ensure_layer(&conversation, &digest, size, &diff_id).await.map(|()| size)
                }
            });
        let mut fetches = futures::stream::iter(fetches).buffer_unordered(SIDE_BY_SIDE);
        while let Some(size) = fetches.try_next().await? {
            done.layers_done += 1;
            done.bytes_done += size;
            progress(done.clone());
        }
        let access = match audience {
            Audience::Holders => Access::shown(fingerprint),
            Audience::Everyone => Access::everyone(),
        };
        self.publish(&whole, (&manifest, &manifest_bytes), &config_bytes, (access, now))
    }

    async fn ensure_layer(
        &self,
        conversation: &Conversation,
        digest: &str,
        size: u64,
        diff_id: &str,
    ) -> Result<(), ImageError> {
        if !layers::is_digest(diff_id) {
            return Err(ImageError::corrupt("image configuration", "a diff id is no digest"));
        }
        let _turn = self.turn(diff_id).await;
        let (all, temporary) = (self.inner.layers(), self.inner.temporary());
        if layers::path(&all, diff_id).is_dir() {
            return Ok(());
        }
        let stream = conversation.blob(digest, size).await?;
        let reader = SyncIoBridge::new(StreamReader::new(stream));
        let diff_id = diff_id.to_owned();
        let what = format!("layer {diff_id}");
        let work = move || layers::publish((reader, size), &diff_id, &all, &temporary);
        tokio::task::spawn_blocking(work).await.map_err(|_| ImageError::Task { what })?
    }

    fn converse(&self, reference: Reference, credentials: &[Credential]) -> Conversation {
        let config = &self.inner.config;
        let registry = reference.registry().to_owned();
        let protocol = if is_insecure(&registry, &config.insecure_registries) {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        };
        let credential = credential_for(&registry, credentials);
        let fingerprint = credential.map(|known| self.inner.fingerprints.of(known));
        let auth = credential.map_or(RegistryAuth::Anonymous, |known| {
            RegistryAuth::Basic(known.username.clone(), known.password.clone())
        });
        // A client of its own for each conversation: clients remember tokens by registry, and one
        // group's credentials must not serve another.
        let client = Client::new(ClientConfig {
            protocol,
            connect_timeout: Some(config.connect_timeout),
            read_timeout: Some(config.read_timeout),
            user_agent: concat!("wharf/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        });
        let patience = config.connect_timeout + config.read_timeout * 2;
        Conversation { client, auth, reference, patience, fingerprint }
    }
}

impl Conversation {
    fn failed(&self, operation: &str, source: OciDistributionError) -> ImageError {
        ImageError::Registry {
            operation: operation.to_owned(),
            registry: self.reference.registry().to_owned(),
            source: Box::new(source),
        }
    }

    fn silent(&self, after: Duration) -> ImageError {
        let registry = self.reference.registry().to_owned();
        ImageError::Silent { registry, seconds: after.as_secs() }
    }

    /// The manifest for this platform, as the registry sent it.
    async fn manifest(&self) -> Result<Vec<u8>, ImageError> {
        let bytes = self.raw_manifest(&self.reference).await?;
        let parsed: OciManifest = serde_json::from_slice(&bytes)
            .map_err(|error| ImageError::corrupt("image manifest", error.to_string()))?;
        let OciManifest::ImageIndex(index) = parsed else { return Ok(bytes) };
        let digest =
            oci_client::client::current_platform_resolver(&index.manifests).ok_or_else(|| {
                let missing = "no manifest for this platform".to_owned();
                let source = OciDistributionError::ImageManifestNotFoundError(missing);
                self.failed("get the manifest", source)
            })?;
        self.raw_manifest(&self.reference.clone_with_digest(digest)).await
    }

    async fn raw_manifest(&self, reference: &Reference) -> Result<Vec<u8>, ImageError> {
        let asked = self.client.pull_manifest_raw(reference, &self.auth, MANIFESTS);
        let (bytes, _) = tokio::time::timeout(self.patience, asked)
            .await
            .map_err(|_| self.silent(self.patience))?
            .map_err(|source| self.failed("get the manifest", source))?;
        match reference.digest() {
            Some(digest) if digest_of(&bytes) != digest => {
                Err(ImageError::corrupt("image manifest", format!("it is not {digest}")))
            }
            Some(_) | None => Ok(bytes.to_vec()),
        }
    }

    async fn documents(&self) -> Result<(Vec<u8>, Vec<u8>), ImageError> {
        let manifest_bytes = self.manifest().await?;
        let manifest = parse_manifest(&manifest_bytes)?;
        let digest = manifest.config().digest().to_string();
        let size = manifest.config().size();
        if size > DOCUMENT_MAX {
            return Err(ImageError::corrupt("image configuration", "it is too large"));
        }
        let mut config = Vec::new();
        let mut stream = std::pin::pin!(self.blob(&digest, size).await?);
        while let Some(chunk) = stream.next().await {
            let chunk =
                chunk.map_err(|source| ImageError::Download { what: digest.clone(), source })?;
            config.extend_from_slice(&chunk);
            if config.len() as u64 > DOCUMENT_MAX {
                return Err(ImageError::corrupt("image configuration", "it is too large"));
            }
        }
        if digest_of(&config) != digest {
            return Err(ImageError::corrupt("image configuration", format!("it is not {digest}")));
        }
        Ok((manifest_bytes, config))
    }

    /// The bytes of a blob; ends with an error if they are not what the digest says.
    async fn blob(
        &self,
        digest: &str,
        size: u64,
    ) -> Result<impl futures::Stream<Item = io::Result<bytes::Bytes>> + Send + use<>, ImageError>
    {
        let descriptor = OciDescriptor {
            digest: digest.to_owned(),
            size: i64::try_from(size).unwrap_or(i64::MAX),
            ..OciDescriptor::default()
        };
        let asked = self.client.pull_blob_stream(&self.reference, &descriptor);
        let sized = tokio::time::timeout(self.patience, asked)
            .await
            .map_err(|_| self.silent(self.patience))?
            .map_err(|source| self.failed("get a blob", source))?;
        Ok(sized.stream)
    }
}

/// The credential that is meant for a registry.
fn credential_for<'a>(registry: &str, credentials: &'a [Credential]) -> Option<&'a Credential> {
    let wanted = reference::canonical(registry);
    credentials.iter().find(|known| reference::canonical(&known.server) == wanted)
}
