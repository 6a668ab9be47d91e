//! Volumes and mounts (semantics.md §11).

use std::collections::HashSet;

use serde_json::{Value, json};
use wharf_model::{
    Error, GroupKey,
    spec::{ContainerSpec, VolumeMount, VolumeSource, VolumeSpec},
};

use super::{azure_file_volume, git_repo_volume, secret_volume, unsupported};
use crate::node::Node;

/// Volumes of one group (semantics.md §3).
const VOLUMES_MAX: usize = 20;
/// Base64 characters of all secret volumes of a group.
const SECRETS_MAX: usize = 2 << 20;

pub(super) fn parse(properties: &Node<'_>) -> Result<(Vec<VolumeSpec>, Vec<Value>), Error> {
    let mut volumes: Vec<VolumeSpec> = Vec::new();
    let mut documents = Vec::new();
    for node in properties.list("volumes")? {
        let name = node.require("name")?;
        let text = name.text()?;
        // Names become directories.
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=63).contains(&text.len()) || !text.chars().all(fits) {
            return Err(name.invalid("must have 1 to 63 lower-case letters, digits and hyphens"));
        }
        if volumes.iter().any(|volume| volume.name == text) {
            return Err(name.invalid("is used by another volume already"));
        }
        let (source, document) = source(&node)?;
        documents.push(json!({ "name": text, (document.0): document.1 }));
        volumes.push(VolumeSpec { name: text.to_owned(), source });
    }
    if volumes.len() > VOLUMES_MAX {
        return Err(properties.require("volumes")?.invalid("must hold 20 volumes at most"));
    }
    let secrets = |volume: &VolumeSpec| match &volume.source {
        VolumeSource::Secret(files) => files.iter().map(|file| file.content.len()).sum(),
        VolumeSource::EmptyDir | VolumeSource::GitRepo(_) | VolumeSource::AzureFile(_) => 0,
    };
    // All of them may go to one container, in one message (see `secret_volume`).
    if volumes.iter().map(secrets).sum::<usize>() > SECRETS_MAX {
        return Err(properties
            .require("volumes")?
            .invalid("must not hold more than 2 MiB of secrets"));
    }
    Ok((volumes, documents))
}

const SOURCES: [&str; 5] = ["azureFile", "emptyDir", "secret", "secretReference", "gitRepo"];

/// What a volume holds, and under which name that is told back.
fn source(node: &Node<'_>) -> Result<(VolumeSource, (&'static str, Value)), Error> {
    let given = || SOURCES.iter().filter_map(|name| Some((*name, node.get(name)?)));
    if given().count() > 1 {
        return Err(node.invalid("must have one source only"));
    }
    Ok(match given().next() {
        // No source at all means emptyDir, as published templates have it.
        None => (VolumeSource::EmptyDir, ("emptyDir", json!({}))),
        Some(("emptyDir", node)) => {
            node.object()?;
            (VolumeSource::EmptyDir, ("emptyDir", json!({})))
        }
        Some(("secret", node)) => {
            (VolumeSource::Secret(secret_volume::parse(&node)?), ("secret", json!({})))
        }
        Some(("gitRepo", node)) => {
            let (repo, document) = git_repo_volume::parse(&node)?;
            (VolumeSource::GitRepo(repo), ("gitRepo", document))
        }
        Some(("azureFile", node)) => {
            let (share, document) = azure_file_volume::parse(&node)?;
            (VolumeSource::AzureFile(share), ("azureFile", document))
        }
        Some((_, node)) => return Err(unsupported(&node.path, "key vault references come later")),
    })
}

pub(super) fn mounts(container: &Node<'_>) -> Result<(Vec<VolumeMount>, Vec<Value>), Error> {
    let mut mounts = Vec::new();
    let mut documents = Vec::new();
    for node in container.list("volumeMounts")? {
        let name = node.require("name")?.text()?.to_owned();
        let path = node.require("mountPath")?;
        let mount_path = path.text()?.to_owned();
        let is_plain = mount_path.starts_with('/')
            && !mount_path.contains([':', '\0'])
            && !mount_path.split('/').any(|part| part == "..")
            && !mount_path.trim_matches('/').is_empty();
        if !is_plain {
            return Err(path.invalid("must be an absolute path without ':' and '..', and not '/'"));
        }
        let mut document = json!({ "name": name, "mountPath": mount_path });
        let read_only = node.get("readOnly").map(|node| node.boolean()).transpose()?;
        if let Some(read_only) = read_only {
            document["readOnly"] = json!(read_only);
        }
        documents.push(document);
        mounts.push(VolumeMount { name, mount_path, read_only: read_only.unwrap_or(false) });
    }
    Ok((mounts, documents))
}

/// Every mount names a volume of the group, and no container has two in one place.
pub(super) fn check_mounts<'a>(
    containers: impl Iterator<Item = &'a ContainerSpec>,
    volumes: &[VolumeSpec],
    key: &GroupKey,
) -> Result<(), Error> {
    let names: HashSet<&str> = volumes.iter().map(|volume| volume.name.as_str()).collect();
    for container in containers {
        let mut paths = HashSet::new();
        for mount in &container.volume_mounts {
            let complaint = if !names.contains(mount.name.as_str()) {
                "is not a volume of the container group"
            } else if !paths.insert(mount.mount_path.trim_end_matches('/')) {
                "is mounted where another volume is mounted already"
            } else {
                continue;
            };
            return Err(Error::invalid(
                "InvalidVolumeMount",
                format!(
                    "The volume mount '{}' of container '{}' in container group '{}' is invalid: \
                     it {complaint}.",
                    mount.name, container.name, key.name
                ),
                "properties.containers.properties.volumeMounts",
            ));
        }
    }
    Ok(())
}
