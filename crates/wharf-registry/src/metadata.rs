//! What is told of repositories, manifests and tags besides themselves: when, how large, for what.

use std::{fs, path::Path, time::SystemTime};

use serde_json::{Value, json};

use crate::{
    durable,
    error::RegistryError,
    manifests::{self, Tag},
    names::{Digest, Reference},
    storage::{Repository, Storage, unknown_repository},
};

/// The largest configuration that is looked into, in bytes.
const CONFIG_MAX: u64 = 8 << 20;

/// When something was made and last changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) created: SystemTime,
    pub(crate) updated: SystemTime,
}

/// A tag with its times.
#[derive(Debug)]
pub(crate) struct TagNote {
    pub(crate) name: String,
    pub(crate) digest: Digest,
    pub(crate) times: Times,
}

/// A manifest with what it is made for.
#[derive(Debug)]
pub(crate) struct ManifestNote {
    pub(crate) digest: Digest,
    pub(crate) times: Times,
    /// Members as Azure tells them, each only if it is known.
    pub(crate) about: Value,
    pub(crate) tags: Vec<String>,
}

/// What was removed with a repository.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    pub(crate) manifests: Vec<String>,
    pub(crate) tags: Vec<String>,
}

impl Repository {
    /// A tag that is there.
    pub(crate) fn tag_note(&self, name: &str) -> Result<TagNote, RegistryError> {
        let found = self.tagged(name)?.ok_or_else(manifests::unknown)?;
        let Tag { digest, created } = found;
        let updated = changed(&self.tag_file(name))?;
        let created = created.unwrap_or(updated);
        Ok(TagNote { name: name.to_owned(), digest, times: Times { created, updated } })
    }

    /// All tags.
    pub(crate) fn tag_notes(&self) -> Result<Vec<TagNote>, RegistryError> {
        let mut found = Vec::new();
        for name in self.tags()? {
            match self.tag_note(&name) {
                // It went meanwhile.
                Err(RegistryError::Refused { .. }) => {}
                note => found.push(note?),
            }
        }
        Ok(found)
    }

    /// A manifest that is there.
    pub(crate) fn manifest_note(
        &self,
        digest: &Digest,
        tags: &[TagNote],
    ) -> Result<ManifestNote, RegistryError> {
        let manifest = self.manifest(&Reference::Digest(digest.clone()))?;
        let document: Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
        let mut about = json!({ "mediaType": manifest.media_type });
        if let Some(size) = size(&document) {
            about["imageSize"] = json!(size);
        }
        if let Some(kind) = document["config"]["mediaType"].as_str() {
            about["configMediaType"] = json!(kind);
        }
        if let Some(kind) = document["artifactType"].as_str() {
            about["artifactType"] = json!(kind);
        }
        if let Some(config) = self.config(&document)? {
            for name in ["architecture", "os"] {
                if config[name].is_string() {
                    about[name] = config[name].clone();
                }
            }
        }
        let updated = changed(&self.manifest_file(digest))?;
        let tags = tags.iter().filter(|tag| tag.digest == *digest);
        let tags = tags.map(|tag| tag.name.clone()).collect();
        let times = Times { created: updated, updated };
        Ok(ManifestNote { digest: digest.clone(), times, about, tags })
    }

    /// Of these manifests those that are there.
    pub(crate) fn manifest_notes<'a>(
        &self,
        digests: impl Iterator<Item = &'a Digest>,
    ) -> Result<Vec<ManifestNote>, RegistryError> {
        let (mut found, tags) = (Vec::new(), self.tag_notes()?);
        for digest in digests {
            match self.manifest_note(digest, &tags) {
                Err(RegistryError::Refused { .. }) => {}
                note => found.push(note?),
            }
        }
        Ok(found)
    }

    /// All manifests, and since when they are there.
    pub(crate) fn manifest_times(&self) -> Result<Vec<(Digest, SystemTime)>, RegistryError> {
        let mut found = Vec::new();
        for digest in self.digests()? {
            match changed(&self.manifest_file(&digest)) {
                Err(RegistryError::Refused { .. }) => {}
                at => found.push((digest, at?)),
            }
        }
        Ok(found)
    }

    /// When the repository began and last changed.
    pub(crate) fn times(&self) -> Result<Times, RegistryError> {
        let manifests = self.manifest_times()?;
        let manifests = manifests.iter().map(|(_, at)| *at);
        let created = manifests.clone().min().ok_or_else(unknown_repository)?;
        let tags = self.tag_notes()?;
        let tags = tags.iter().map(|tag| tag.times.updated);
        Ok(Times { created, updated: manifests.chain(tags).max().unwrap_or(created) })
    }

    fn config(&self, document: &Value) -> Result<Option<Value>, RegistryError> {
        let digest = document["config"]["digest"].as_str().map(Digest::parse);
        let Some(Ok(digest)) = digest else { return Ok(None) };
        let path = self.blob(&digest);
        if fs::metadata(&path).is_ok_and(|found| found.len() <= CONFIG_MAX) {
            let bytes = durable::read(&path)?;
            return Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()));
        }
        Ok(None)
    }

    /// Removes all manifests and tags.
    pub(crate) fn delete(&self, storage: &Storage) -> Result<Removed, RegistryError> {
        self.require_manifests()?;
        let mut removed = Removed { tags: self.tags()?, ..Removed::default() };
        for digest in self.digests()? {
            match self.delete_manifest(storage, &Reference::Digest(digest.clone())) {
                Err(RegistryError::Refused { .. }) => {}
                deleted => {
                    deleted?;
                    removed.manifests.push(digest.to_string());
                }
            }
        }
        Ok(removed)
    }
}

/// What the parts of an image add up to.
fn size(document: &Value) -> Option<u64> {
    let layers = document["layers"].as_array()?;
    let parts = layers.iter().chain(std::iter::once(&document["config"]));
    Some(parts.filter_map(|part| part["size"].as_u64()).fold(0, u64::saturating_add))
}

fn changed(path: &Path) -> Result<SystemTime, RegistryError> {
    match fs::metadata(path).and_then(|found| found.modified()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(manifests::unknown()),
        found => found.map_err(RegistryError::file("look at", path)),
    }
}
