//! Holding images to what the administrator demands of them.

use std::sync::Arc;

use crate::{
    Image, ImageError, ImageStore, PolicyError,
    registry::{Conversation, Resolved},
    store::lock,
};

impl ImageStore {
    /// Whether an image that is here is as the administrator wants it, as far as that is known. What
    /// ships inside the program is.
    pub fn is_met_by(&self, image: &Image) -> bool {
        let is_embedded = || Self::is_embedded(&image.reference).unwrap_or(false);
        self.inner.config.policy.is_met_by(image) || is_embedded()
    }

    /// Whether an image may have such a name.
    pub(crate) fn check_name(&self, whole: &str) -> Result<(), ImageError> {
        let checked = self.inner.config.policy.check_name(whole);
        checked.map_err(|source| ImageError::Policy { reference: whole.to_owned(), source })
    }

    /// The fingerprint of a key that has signed a manifest, or an index that led to it, of those that
    /// have to: one is enough. `None` if none has to.
    pub(crate) async fn verify(
        &self,
        conversation: &Conversation,
        whole: &str,
        manifest: &Resolved,
    ) -> Result<Option<String>, ImageError> {
        let Some(wanted) = self.inner.config.policy.signers(whole) else { return Ok(None) };
        let mut fault = None;
        for digest in &manifest.digests {
            for (signature, payload) in conversation.signatures(digest).await? {
                match signature.check(&payload, digest, &wanted.keys) {
                    Ok(key) => return Ok(Some(key.fingerprint().to_owned())),
                    Err(reason) => fault = Some(reason.to_owned()),
                }
            }
        }
        let (pattern, reference) = (wanted.pattern.to_string(), whole.to_owned());
        let digest = manifest.digests.first().cloned().unwrap_or_default();
        let source = match fault {
            Some(reason) => PolicyError::BadSignature { pattern, digest, reason },
            None => PolicyError::Unsigned { pattern, digest },
        };
        Err(ImageError::Policy { reference, source })
    }

    /// Remembers who has signed an image, if it is here.
    pub(crate) fn note_signed(
        &self,
        whole: &str,
        manifest: &Resolved,
        signed_by: String,
    ) -> Result<(), ImageError> {
        let mut images = lock(&self.inner.images);
        let image = images.get_mut(whole).filter(|i| Some(&i.digest) == manifest.digests.last());
        let Some(image) = image.filter(|image| !image.signed_by.contains(&signed_by)) else {
            return Ok(());
        };
        Arc::make_mut(&mut image.signed_by).insert(signed_by);
        self.inner.save_index(&images)
    }
}
