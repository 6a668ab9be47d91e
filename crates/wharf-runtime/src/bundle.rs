//! From a container's specification and its image to what a shim can start: a bundle.
//!
//! A bundle is written anew for every start, under a name that follows from group and container.
//! What makes a container impossible (an unknown user, no command) is no error here: it is handed
//! to the shim, which records it as a run that failed to start, for the user to read.

mod environment;
mod layers;
mod limits;
mod seccomp;
mod spec;
mod users;

use std::{collections::BTreeMap, io};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use oci_spec::{OciSpecError, image::ImageConfiguration};
pub use seccomp::ProfileError;
use wharf_model::{
    Generation, GroupId, security,
    spec::{Amount, ContainerSpec, SecretFile, SecurityContext, VolumeSource, VolumeSpec},
};
use wharf_shim::{
    paths::Layout,
    protocol::{GroupLimits, Rootfs, Start},
    table::RunKey,
    userns::IdRange,
};

use crate::volumes;

/// Everything that decides what a container's process gets to see.
#[derive(Clone, Copy, Debug)]
pub struct BundlePlan<'a> {
    /// Where things are.
    pub layout: &'a Layout,
    /// Which group.
    pub id: &'a GroupId,
    /// The container or init container.
    pub container: &'a ContainerSpec,
    /// Its revision.
    pub revision: Generation,
    /// The number of this start, from 1.
    pub start: u32,
    /// The image's configuration.
    pub image: &'a ImageConfiguration,
    /// The image's unpacked layers, uppermost first.
    pub layers: &'a [Utf8PathBuf],
    /// The group's volumes.
    pub volumes: &'a [VolumeSpec],
    /// The group's host name.
    pub hostname: &'a str,
    /// The limits of a container that has none of its own: the group's allocation.
    pub allocation: Amount,
}

/// A bundle that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file or directory of the bundle cannot be made.
    #[error("make {path}")]
    Make {
        /// The file or directory.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What an earlier run has left cannot be removed.
    #[error("clear {path}")]
    Clear {
        /// The directory.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A layer of the image cannot be read.
    #[error("read {path} of layer {layer}")]
    Layer {
        /// The layer.
        layer: Utf8PathBuf,
        /// The file in it.
        path: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The parts do not make a valid runtime specification.
    #[error("build runtime specification of container {container}")]
    Spec {
        /// Which container.
        container: String,
        /// Why.
        #[source]
        source: OciSpecError,
    },
    /// The built-in system call filter cannot be used; nothing is started without one.
    #[error("compile built-in seccomp profile")]
    Seccomp(#[source] ProfileError),
}

/// Writes the bundle of one start, with an empty writable layer, and says how to start it.
/// Blocks on file system calls.
pub fn prepare(plan: &BundlePlan<'_>) -> Result<Start, BundleError> {
    let name = &plan.container.name;
    let sandbox = plan.layout.sandbox(plan.id);
    let storage = plan.layout.storage(plan.id);
    let writable = storage.writable_layer(name);
    let rootfs = Rootfs {
        lower: plan.layers.to_vec(),
        upper: writable.join("upper"),
        work: writable.join("work"),
    };
    let bundle = sandbox.bundle(name);
    let log = storage.log(name, plan.revision.0, plan.start);
    clear(&writable)?;
    for directory in [&rootfs.upper, &rootfs.work, &bundle.join("rootfs")] {
        make_dir(directory)?;
    }
    if let Some(parent) = log.parent() {
        make_dir(parent)?;
    }
    ensure_volumes(plan)?;
    let impossible = write_config(plan, &bundle)?;
    Ok(Start {
        key: RunKey { name: name.clone(), revision: plan.revision, start: plan.start },
        bundle,
        log,
        cgroup: plan.layout.container_cgroup(plan.id, name),
        rootfs,
        group: Some(GroupLimits {
            cgroup: plan.layout.cgroup(plan.id),
            cpu_millis: plan.allocation.cpu_millis,
            memory_bytes: plan.allocation.memory_bytes,
        }),
        impossible,
        secrets: secrets(plan),
    })
}

/// Writes `config.json` and `seccomp.bpf`, or says why there can be none.
fn write_config(plan: &BundlePlan<'_>, bundle: &Utf8Path) -> Result<Option<String>, BundleError> {
    let config = plan.image.config().as_ref();
    let args = spec::args(plan.container, config);
    if args.is_empty() {
        return Ok(Some("no command specified".to_owned()));
    }
    let of_image = config.and_then(|c| c.user().as_deref()).unwrap_or_default();
    let wanted = wanted_user(&plan.container.security, of_image);
    let user = match users::resolve(plan.layers, &wanted)? {
        Ok(user) => user,
        Err(refusal) => return Ok(Some(refusal.to_string())),
    };
    let ids = id_range(plan, &user)?;
    let spec = spec::build(plan, args, &user, ids)?;
    let path = bundle.join("config.json");
    let bytes = serde_json::to_vec(&spec)
        .map_err(|e| BundleError::Make { path: path.clone(), source: e.into() })?;
    fs::write(&path, bytes).map_err(|source| BundleError::Make { path, source })?;
    write_filters(&plan.container.security, bundle)
}

/// The users of the host that the container's are: those of its group, unless it needs users or
/// rights that it cannot have then.
fn id_range(plan: &BundlePlan<'_>, user: &users::User) -> Result<Option<IdRange>, BundleError> {
    let mut ids = user.additional_gids.iter().chain([&user.uid, &user.gid]);
    if !security::fits_user_namespace(&plan.container.security)
        || ids.any(|id| *id >= IdRange::SIZE)
    {
        return Ok(None);
    }
    let path = plan.layout.sandbox(plan.id).ids();
    match fs::read_to_string(&path) {
        Ok(text) => Ok(IdRange::parse(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BundleError::Make { path, source }),
    }
}

/// The user and group of the specification, each in the place of the image's.
fn wanted_user(context: &SecurityContext, of_image: &str) -> String {
    let (user, group) = of_image.split_once(':').unwrap_or((of_image, ""));
    let (user, group) = match context.user {
        Some(user) => (user.to_string(), String::new()),
        None => (user.to_owned(), group.to_owned()),
    };
    let group = context.group.map_or(group, |group| group.to_string());
    if group.is_empty() { user } else { format!("{user}:{group}") }
}

/// Writes `seccomp.bpf` and, for a container with a profile of its own, `seccomp-own.bpf`; or says
/// why that profile cannot be used.
fn write_filters(
    context: &SecurityContext,
    bundle: &Utf8Path,
) -> Result<Option<String>, BundleError> {
    let own = match context.seccomp_profile.as_deref().map(seccomp::custom).transpose() {
        Ok(own) => own,
        Err(error) => {
            let reason = wharf_model::error::chain(&error);
            return Ok(Some(format!("the seccomp profile cannot be used: {reason}")));
        }
    };
    let usual = if context.is_privileged {
        seccomp::unconfined()?
    } else {
        seccomp::filter(&spec::capability_names(context))?
    };
    let path = bundle.join("seccomp.bpf");
    fs::write(&path, usual).map_err(|source| BundleError::Make { path, source })?;
    let path = bundle.join("seccomp-own.bpf");
    let written = match own {
        Some(own) => fs::write(&path, own),
        None => match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        },
    };
    written.map_err(|source| BundleError::Make { path, source })?;
    Ok(None)
}

fn ensure_volumes(plan: &BundlePlan<'_>) -> Result<(), BundleError> {
    let storage = plan.layout.storage(plan.id);
    for volume in plan.volumes {
        volumes::ensure_empty_dir(&storage, volume).map_err(|source| BundleError::Make {
            path: storage.empty_dir(&volume.name),
            source,
        })?;
    }
    Ok(())
}

/// The secret volumes that the container mounts.
fn secrets(plan: &BundlePlan<'_>) -> BTreeMap<String, Vec<SecretFile>> {
    let mounts = |volume: &&VolumeSpec| {
        plan.container.volume_mounts.iter().any(|mount| mount.name == volume.name)
    };
    let mounted = plan.volumes.iter().filter(mounts);
    let secret = mounted.filter_map(|volume| match &volume.source {
        VolumeSource::Secret(files) => Some((volume.name.clone(), files.clone())),
        VolumeSource::EmptyDir | VolumeSource::GitRepo(_) | VolumeSource::AzureFile(_) => None,
    });
    secret.collect()
}

fn make_dir(path: &Utf8Path) -> Result<(), BundleError> {
    fs::create_dir_all(path).map_err(|source| BundleError::Make { path: path.to_owned(), source })
}

fn clear(path: &Utf8Path) -> Result<(), BundleError> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(BundleError::Clear { path: path.to_owned(), source }),
    }
}
