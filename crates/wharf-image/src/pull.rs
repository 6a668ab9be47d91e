//! Fetching an image from its registry: manifest, configuration, then layers side by side, each
//! streamed through unpacking and digest check without touching the disk packed.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};

use crate::{
    Audience, Credential, Image, ImageError, ImageStore, RegistryError,
    access::Access,
    layers, reference,
    registry::{Conversation, Counter, Patience, credential_for},
    store::{Provenance, lock, parse_config, parse_manifest},
};

/// How long a check of one image may take in all.
const CHECK_MAX: Duration = Duration::from_secs(20);
/// How often a pull tells how far it is.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// How far a pull is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Progress {
    /// Layers that are here now.
    pub layers_done: usize,
    /// Layers of the image.
    pub layers: usize,
    /// Packed bytes that are here now.
    pub bytes_done: u64,
    /// Packed size of all layers, in bytes.
    pub bytes: u64,
    /// Packed bytes that came from a registry for this pull.
    pub bytes_fetched: u64,
}

impl Progress {
    /// How fast bytes come, after so long.
    pub fn bytes_per_second(&self, since: SignedDuration) -> u64 {
        let milliseconds = since.as_millis().max(1);
        let rate = i128::from(self.bytes_fetched) * 1000 / milliseconds;
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

/// A pull that is under way.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PullUnderWay {
    /// The full reference.
    pub reference: String,
    /// When it began.
    pub began_at: Timestamp,
    /// How far it is.
    pub progress: Progress,
}

/// Takes a pull off the list of those under way.
struct Announced<'a> {
    store: &'a ImageStore,
    number: u64,
}

impl Announced<'_> {
    fn tell(&self, progress: &Progress) {
        if let Some(pull) = lock(&self.store.inner.pulls).get_mut(&self.number) {
            pull.progress = progress.clone();
        }
    }
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        lock(&self.store.inner.pulls).remove(&self.number);
    }
}

/// One layer to be fetched.
#[derive(Clone, Debug)]
struct Wanted {
    diff_id: String,
    digest: String,
    size: u64,
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
        let fingerprint = self.fingerprint(reference, credentials);
        if Self::is_embedded(reference)? {
            return Ok(());
        }
        self.check_name(&whole)?;
        if self.is_allowed(&whole, fingerprint.as_deref()) {
            return Ok(());
        }
        let conversation = self.converse(parsed, credentials, Patience::SHORT)?;
        let asked = async {
            let manifest = conversation.manifest().await?;
            let signed_by = self.verify(&conversation, &whole, &manifest).await?;
            Ok::<_, ImageError>((manifest, signed_by))
        };
        let asked = tokio::time::timeout(CHECK_MAX, asked).await.map_err(|_| {
            let silent = RegistryError::Silent { seconds: CHECK_MAX.as_secs() };
            conversation.failed("get the manifest", silent)
        });
        if let (manifest, Some(signed_by)) = asked?? {
            self.note_signed(&whole, &manifest, signed_by)?;
        }
        self.grant(&whole, &Access::shown(fingerprint))
    }

    fn is_allowed(&self, whole: &str, fingerprint: Option<&str>) -> bool {
        let images = lock(&self.inner.images);
        let image = images.get(whole).filter(|image| image.access.allows(fingerprint));
        image.is_some_and(|image| self.is_met_by(image))
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
        let fingerprint = self.fingerprint(reference, credentials);
        let _turn = self.turn(&format!("{whole} {fingerprint:?}")).await;
        if let Some(image) = self.resolve(reference)?
            && image.stored_at > now
            && image.access.allows(fingerprint.as_deref())
            && self.is_met_by(&image)
        {
            return Ok(image);
        }
        if let Some(image) = self.import_embedded(&whole, now).await? {
            return Ok(image);
        }
        self.check_name(&whole)?;
        let conversation = self.converse(parsed, credentials, Patience::LONG)?;
        let (resolved, config_bytes) = conversation.documents().await?;
        let signed_by = self.verify(&conversation, &whole, &resolved).await?;
        let manifest_bytes = resolved.bytes;
        let manifest = parse_manifest(&manifest_bytes)?;
        let config = parse_config(&config_bytes)?;
        let diff_ids = config.rootfs().diff_ids();
        if diff_ids.len() != manifest.layers().len() {
            return Err(ImageError::corrupt(whole, "layers and diff ids differ in number"));
        }
        let _layers_kept = self.inner.leases.take(diff_ids.clone());
        let wanted = diff_ids.iter().zip(manifest.layers()).map(|(diff_id, layer)| Wanted {
            diff_id: diff_id.clone(),
            digest: layer.digest().to_string(),
            size: layer.size(),
        });
        let under_way = self.announce(&whole, now);
        let tell = |step: Progress| {
            under_way.tell(&step);
            progress(step);
        };
        self.ensure_layers(&conversation, wanted.collect(), tell).await?;
        drop(under_way);
        let access = match audience {
            Audience::Holders => Access::shown(fingerprint),
            Audience::Everyone => Access::everyone(),
        };
        let from = Provenance { access, is_imported: false, signed_by, now };
        self.publish(&whole, (&manifest, &manifest_bytes), &config_bytes, from)
    }

    /// The pulls that are under way, oldest first.
    pub fn pulls(&self) -> Vec<PullUnderWay> {
        lock(&self.inner.pulls).values().cloned().collect()
    }

    fn announce(&self, reference: &str, began_at: Timestamp) -> Announced<'_> {
        let mut pulls = lock(&self.inner.pulls);
        let number = pulls.last_key_value().map_or(0, |(last, _)| last + 1);
        let progress = Progress::default();
        pulls.insert(number, PullUnderWay { reference: reference.to_owned(), began_at, progress });
        Announced { store: self, number }
    }

    async fn ensure_layers(
        &self,
        conversation: &Conversation,
        wanted: Vec<Wanted>,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Result<(), ImageError> {
        let (loaded, reused) = (Counter::default(), Counter::default());
        let (layers, bytes) = (wanted.len(), wanted.iter().map(|layer| layer.size).sum());
        let tell = |layers_done| {
            let bytes_fetched = loaded.load(Ordering::Relaxed);
            let bytes_done = (bytes_fetched + reused.load(Ordering::Relaxed)).min(bytes);
            progress(Progress { layers_done, layers, bytes_done, bytes, bytes_fetched });
        };
        tell(0);
        let side_by_side = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8));
        let fetches = wanted
            .into_iter()
            .map(|layer| self.ensure_layer(conversation, layer, (&loaded, &reused)));
        let mut fetches = futures::StreamExt::buffer_unordered(
            futures::stream::iter(fetches.collect::<Vec<_>>()),
            side_by_side,
        );
        let mut clock = tokio::time::interval(TELL_EVERY);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut done = 0;
        loop {
            tokio::select! {
                end = fetches.try_next() => match end? {
                    None => return Ok(()),
                    Some(()) => done += 1,
                },
                _ = clock.tick() => {}
            }
            tell(done);
        }
    }

    async fn ensure_layer(
        &self,
        conversation: &Conversation,
        layer: Wanted,
        (loaded, reused): (&Counter, &Counter),
    ) -> Result<(), ImageError> {
        let Wanted { diff_id, digest, size } = layer;
        if !layers::is_digest(&diff_id) {
            return Err(ImageError::corrupt("image configuration", "a diff id is no digest"));
        }
        let _turn = self.turn(&diff_id).await;
        let (all, temporary) = (self.inner.layers(), self.inner.temporary());
        if layers::path(&all, &diff_id).is_dir() {
            reused.fetch_add(size, Ordering::Relaxed);
            return Ok(());
        }
        let reader = conversation.blob(&digest, size, Arc::clone(loaded));
        let failure = reader.failure();
        let what = format!("layer {diff_id}");
        let work = move || layers::publish((reader, size), &diff_id, &all, &temporary);
        let published =
            tokio::task::spawn_blocking(work).await.map_err(|_| ImageError::Task { what })?;
        // What broke the download is the reason, not what became of the archive by that.
        match lock(&failure).take() {
            Some(error) if published.is_err() => Err(conversation.failed("get a layer", error)),
            _ => published,
        }
    }

    fn converse(
        &self,
        reference: oci_spec::distribution::Reference,
        credentials: &[Credential],
        patience: Patience,
    ) -> Result<Conversation, ImageError> {
        self.inner.registries.converse(reference, credentials, patience)
    }
}
