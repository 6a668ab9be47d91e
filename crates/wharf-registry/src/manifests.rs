//! Manifests, their tags, and which of them refer to which.
//!
//! A manifest's file begins with a line that has its media type.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use crate::{
    durable,
    error::{Code, RegistryError},
    names::{self, Digest, Reference},
    storage::{Repository, Storage, unknown_repository},
};

/// The largest manifest, in bytes.
pub(crate) const MANIFEST_MAX: usize = 4 << 20;
/// What is made of a type that nobody tells.
const UNTOLD: &str = "application/vnd.oci.image.manifest.v1+json";

/// A manifest as it was pushed.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) bytes: Vec<u8>,
}

/// Where a tag leads.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) digest: Digest,
    /// When there first was a tag of this name, if it was moved since.
    pub(crate) created: Option<SystemTime>,
}

/// What became of a manifest that was pushed.
#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) digest: Digest,
    /// The manifest that it is about.
    pub(crate) subject: Option<String>,
}

impl Repository {
    pub(crate) fn has_manifests(&self) -> Result<bool, RegistryError> {
        Ok(!self.digests()?.is_empty())
    }

    /// To clients there is no repository without a manifest.
    pub(crate) fn require_manifests(&self) -> Result<(), RegistryError> {
        if self.has_manifests()? { Ok(()) } else { Err(unknown_repository()) }
    }

    /// The digests of all manifests.
    pub(crate) fn digests(&self) -> Result<Vec<Digest>, RegistryError> {
        let names = durable::list(&self.dir.join("_manifests"))?;
        Ok(names.iter().filter_map(|name| Digest::of_hex(name)).collect())
    }

    pub(crate) fn manifest_file(&self, digest: &Digest) -> PathBuf {
        self.dir.join("_manifests").join(digest.hex())
    }

    pub(crate) fn tag_file(&self, tag: &str) -> PathBuf {
        self.dir.join("_tags").join(tag)
    }

    /// Keeps a manifest, and names it if it was sent to a tag.
    pub(crate) fn put_manifest(
        &self,
        storage: &Storage,
        reference: &Reference,
        media_type: Option<&str>,
        bytes: &[u8],
    ) -> Result<Pushed, RegistryError> {
        let digest = match reference {
            Reference::Digest(wanted) => wanted.like(bytes),
            Reference::Tag(_) => Digest::of_bytes(bytes),
        };
        if matches!(reference, Reference::Digest(wanted) if *wanted != digest) {
            let message = "The manifest does not have the digest that it was sent to.";
            return Err(RegistryError::because(Code::DigestInvalid, message));
        }
        let document = parse(bytes)?;
        let own = document["mediaType"].as_str();
        let media_type = media_type.or(own).unwrap_or(UNTOLD);
        if own.is_some_and(|own| own != media_type) {
            let message = "The media type of the manifest is not the one that it was sent as.";
            return Err(invalid(message));
        }
        let subject = document["subject"]["digest"].as_str().map(Digest::parse).transpose()?;
        let _changing = storage.lock();
        self.check_blobs(&document)?;
        let (path, head) = (self.manifest_file(&digest), format!("{media_type}\n"));
        // One that is there already has been there since.
        if durable::read(&path)?.as_deref() != Some(&[head.as_bytes(), bytes].concat()) {
            durable::replace(&path, &[head.as_bytes(), bytes])?;
        }
        if let Some(subject) = &subject {
            let descriptor = descriptor(&document, media_type, &digest, bytes.len());
            let path = self.dir.join("_referrers").join(subject.hex()).join(digest.hex());
            durable::replace(&path, &[descriptor.to_string().as_bytes()])?;
        }
        if let Reference::Tag(tag) = reference {
            let text = match self.tag_note(tag) {
                Ok(before) => format!("{}\n{}\n", digest.hex(), millis(before.times.created)),
                Err(_) => digest.hex().to_owned(),
            };
            durable::replace(&self.tag_file(tag), &[text.as_bytes()])?;
        }
        Ok(Pushed { digest, subject: subject.map(|subject| subject.to_string()) })
    }

    /// Everything that a manifest is made of has to be there, but for what is kept elsewhere.
    fn check_blobs(&self, document: &Value) -> Result<(), RegistryError> {
        let layers = ["layers", "fsLayers"].iter().filter_map(|name| document[*name].as_array());
        let config = document.get("config").filter(|config| config.is_object());
        for part in config.into_iter().chain(layers.flatten()) {
            if part["urls"].as_array().is_some_and(|urls| !urls.is_empty()) {
                continue;
            }
            let digest = part["digest"].as_str().or_else(|| part["blobSum"].as_str());
            let digest = Digest::parse(digest.unwrap_or_default())?;
            if !self.has_blob(&digest) {
                let message = format!("The manifest names the blob {digest}, which is not there.");
                return Err(RegistryError::because(Code::ManifestBlobUnknown, message));
            }
        }
        Ok(())
    }

    /// The manifest of a tag or digest.
    pub(crate) fn manifest(&self, reference: &Reference) -> Result<Manifest, RegistryError> {
        let digest = match reference {
            Reference::Digest(digest) => digest.clone(),
            Reference::Tag(tag) => self.tagged(tag)?.ok_or_else(unknown)?.digest,
        };
        let path = self.manifest_file(&digest);
        let mut media_type = durable::read(&path)?.ok_or_else(unknown)?;
        let end = media_type.iter().position(|byte| *byte == b'\n').unwrap_or_default();
        let bytes = media_type.split_off(end + 1);
        media_type.truncate(end);
        let media_type = String::from_utf8_lossy(&media_type).into_owned();
        Ok(Manifest { digest, media_type, bytes })
    }

    /// Where a tag leads: its file has the digest, and of one that was moved when it was first there.
    pub(crate) fn tagged(&self, tag: &str) -> Result<Option<Tag>, RegistryError> {
        let Some(bytes) = durable::read(&self.tag_file(tag))? else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines();
        let digest = lines.next().and_then(Digest::of_hex);
        let created = lines.next().and_then(|millis| millis.parse().ok());
        let created = created.map(|millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
        Ok(digest.map(|digest| Tag { digest, created }))
    }

    /// Removes a tag, or a manifest with all its tags.
    pub(crate) fn delete_manifest(
        &self,
        storage: &Storage,
        reference: &Reference,
    ) -> Result<(), RegistryError> {
        let _changing = storage.lock();
        let digest = match reference {
            Reference::Tag(tag) if durable::remove(&self.tag_file(tag))? => return Ok(()),
            Reference::Tag(_) => return Err(unknown()),
            Reference::Digest(digest) => digest,
        };
        let manifest = self.manifest(reference)?;
        for tag in self.tags()? {
            if self.tagged(&tag)?.is_some_and(|found| found.digest == *digest) {
                durable::remove(&self.tag_file(&tag))?;
            }
        }
        let subject = parse(&manifest.bytes)?["subject"]["digest"].as_str().map(Digest::parse);
        if let Some(Ok(subject)) = subject {
            durable::remove(&self.dir.join("_referrers").join(subject.hex()).join(digest.hex()))?;
        }
        durable::remove(&self.manifest_file(digest))?;
        storage.release(self, &manifest.bytes);
        Ok(())
    }

    /// All tags, in order.
    pub(crate) fn tags(&self) -> Result<Vec<String>, RegistryError> {
        let mut tags = durable::list(&self.dir.join("_tags"))?;
        tags.retain(|tag| names::is_tag(tag));
        Ok(tags)
    }

    /// Descriptors of the manifests that are about another one.
    pub(crate) fn referrers(&self, subject: &Digest) -> Result<Vec<Value>, RegistryError> {
        let directory = self.dir.join("_referrers").join(subject.hex());
        let mut found = Vec::new();
        for name in durable::list(&directory)? {
            if Digest::of_hex(&name).is_some()
                && let Some(bytes) = durable::read(&directory.join(name))?
                && let Ok(descriptor) = serde_json::from_slice(&bytes)
            {
                found.push(descriptor);
            }
        }
        Ok(found)
    }
}

fn millis(at: SystemTime) -> u128 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis()
}

fn parse(bytes: &[u8]) -> Result<Value, RegistryError> {
    let document: Value = serde_json::from_slice(bytes)
        .map_err(|error| invalid(format!("The manifest is no JSON: {error}.")))?;
    if !document.is_object() || !document["schemaVersion"].is_u64() {
        return Err(invalid("A manifest is an object with a schemaVersion."));
    }
    Ok(document)
}

fn descriptor(document: &Value, media_type: &str, digest: &Digest, size: usize) -> Value {
    let mut descriptor =
        json!({ "mediaType": media_type, "digest": digest.to_string(), "size": size });
    let kind = document["artifactType"].as_str().filter(|kind| !kind.is_empty());
    if let Some(kind) = kind.or_else(|| document["config"]["mediaType"].as_str()) {
        descriptor["artifactType"] = json!(kind);
    }
    if document["annotations"].is_object() {
        descriptor["annotations"] = document["annotations"].clone();
    }
    descriptor
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> RegistryError {
    RegistryError::because(Code::ManifestInvalid, message)
}

pub(crate) fn unknown() -> RegistryError {
    RegistryError::because(Code::ManifestUnknown, "The repository has no such manifest.")
}
