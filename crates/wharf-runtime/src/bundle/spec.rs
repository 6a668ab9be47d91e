//! The runtime specification: which process, in what surroundings, with what rights.
//!
//! Defaults are those of containerd and Docker. The group's network, IPC and UTS namespaces are
//! not named here: the process that makes the container is a child of the shim and has them.

use std::sync::OnceLock;

use camino::Utf8Path;
use fs_err as fs;
use nix::sys::resource::{Resource, getrlimit};
use oci_spec::{
    OciSpecError,
    image::Config,
    runtime::{
        Capabilities, Linux, LinuxBuilder, LinuxCapabilitiesBuilder, LinuxIdMapping,
        LinuxIdMappingBuilder, LinuxNamespaceBuilder, LinuxNamespaceType, Mount, MountBuilder,
        PosixRlimit, PosixRlimitBuilder, PosixRlimitType, Process, ProcessBuilder, RootBuilder,
        Spec, SpecBuilder, UserBuilder, get_default_maskedpaths, get_default_readonly_paths,
    },
};
use wharf_model::{
    security,
    spec::{ContainerSpec, Resources, SecurityContext, VolumeMount, VolumeSource},
};
use wharf_shim::{cgroup, protocol::SECRET_SOURCE, userns::IdRange};

use super::{BundleError, BundlePlan, environment, limits, users::User};
use crate::volumes;

const CGROUP_MOUNT: &str = "/sys/fs/cgroup";
/// Open files, unless the host's own hard limit is lower.
const OPEN_FILES: u64 = 1 << 20;

/// Above the shim and the daemon, which have zero: see `wharf-shim`.
const OOM_SCORE: i32 = 500;

/// The capabilities of a container, without `CAP_`. Without device control (hosts with cgroup
/// version 2 only, for now) nobody may make device files.
pub(super) fn capability_names(context: &SecurityContext) -> Vec<&'static str> {
    let may_make_devices = !cgroup::is_unified() || context.is_privileged;
    let names = security::capabilities(context).into_iter();
    let held = held_by_daemon();
    names
        .filter(|name| may_make_devices || *name != "MKNOD")
        .filter(|name| {
            let number = security::CAPABILITIES.iter().position(|known| known == name);
            number.is_some_and(|number| held >> number & 1 == 1)
        })
        .collect()
}

/// What the daemon lacks it cannot give: all may be asked for, and be more than there is.
fn held_by_daemon() -> u64 {
    static HELD: OnceLock<u64> = OnceLock::new();
    *HELD.get_or_init(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let permitted = status.lines().find_map(|line| line.strip_prefix("CapPrm:"));
        permitted.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or(u64::MAX)
    })
}

/// As the runtime specification names them.
fn capabilities(context: &SecurityContext) -> Capabilities {
    let named = |name: &str| serde_json::from_value(format!("CAP_{name}").into()).ok();
    capability_names(context).into_iter().filter_map(named).collect()
}

/// The command line: the specification's, or else the image's entry point and command.
pub(super) fn args(container: &ContainerSpec, config: Option<&Config>) -> Vec<String> {
    if !container.command.is_empty() {
        return container.command.clone();
    }
    let Some(config) = config else { return Vec::new() };
    let entrypoint = config.entrypoint().iter().flatten();
    entrypoint.chain(config.cmd().iter().flatten()).cloned().collect()
}

/// The specification of one start.
pub(super) fn build(
    plan: &BundlePlan<'_>,
    args: Vec<String>,
    user: &User,
    ids: Option<IdRange>,
) -> Result<Spec, BundleError> {
    let caps = capabilities(&plan.container.security);
    let failed = |source| BundleError::Spec { container: plan.container.name.to_string(), source };
    let assemble = || {
        let mut spec = SpecBuilder::default()
            .version("1.0.2")
            .root(RootBuilder::default().path("rootfs").readonly(false).build()?)
            .process(process(plan, args, user, caps)?)
            .mounts(mounts(plan)?)
            .linux(linux(plan, ids)?)
            .build()?;
        // The builder's default is a name of its own.
        spec.set_hostname(None);
        Ok(spec)
    };
    assemble().map_err(failed)
}

fn process(
    plan: &BundlePlan<'_>,
    args: Vec<String>,
    user: &User,
    caps: Capabilities,
) -> Result<Process, OciSpecError> {
    let config = plan.image.config().as_ref();
    let cwd = config.and_then(|c| c.working_dir().as_deref()).unwrap_or_default();
    // A user other than root has rights only when it asks for them, by file capabilities.
    let held = if user.uid == 0 { caps.clone() } else { Capabilities::new() };
    let capabilities = LinuxCapabilitiesBuilder::default()
        .bounding(caps)
        .permitted(held.clone())
        .effective(held)
        .inheritable(Capabilities::new())
        .ambient(Capabilities::new())
        .build()?;
    let identity = UserBuilder::default()
        .uid(user.uid)
        .gid(user.gid)
        .additional_gids(user.additional_gids.clone())
        .build()?;
    ProcessBuilder::default()
        .terminal(false)
        .user(identity)
        .args(args)
        .env(environment::of(plan, user))
        .cwd(Utf8Path::new("/").join(cwd).into_std_path_buf())
        .capabilities(capabilities)
        .rlimits(rlimits()?)
        .oom_score_adj(OOM_SCORE)
        .no_new_privileges(!plan.container.security.may_escalate)
        .build()
}

/// Open files as Docker has them and as many processes as the cgroup allows (the kernel would count
/// them per user over all groups), both within what the daemon itself may have: raising that takes
/// `CAP_SYS_RESOURCE`. No core dumps: whatever the host does with them is no container's to start.
fn rlimits() -> Result<Vec<PosixRlimit>, OciSpecError> {
    let hard =
        |resource, wanted: u64| getrlimit(resource).map_or(wanted, |(_, hard)| hard.min(wanted));
    let files = hard(Resource::RLIMIT_NOFILE, OPEN_FILES);
    let processes = hard(Resource::RLIMIT_NPROC, u64::MAX);
    [
        (PosixRlimitType::RlimitNofile, files),
        (PosixRlimitType::RlimitNproc, processes),
        (PosixRlimitType::RlimitCore, 0),
    ]
    .into_iter()
    .map(|(kind, limit)| PosixRlimitBuilder::default().typ(kind).soft(limit).hard(limit).build())
    .collect()
}

fn linux(plan: &BundlePlan<'_>, ids: Option<IdRange>) -> Result<Linux, OciSpecError> {
    let namespaces: Result<Vec<_>, OciSpecError> =
        [LinuxNamespaceType::Pid, LinuxNamespaceType::Mount, LinuxNamespaceType::Cgroup]
            .into_iter()
            .chain(ids.map(|_| LinuxNamespaceType::User))
            .map(|kind| LinuxNamespaceBuilder::default().typ(kind).build())
            .collect();
    let is_privileged = plan.container.security.is_privileged;
    let paths = |paths: Vec<String>| if is_privileged { Vec::new() } else { paths };
    let whole = Resources { requests: plan.allocation, limits: plan.allocation };
    let mappings: Result<Vec<_>, OciSpecError> = ids.into_iter().map(mapping).collect();
    let mappings = mappings?;
    LinuxBuilder::default()
        .namespaces(namespaces?)
        .uid_mappings(mappings.clone())
        .gid_mappings(mappings)
        .resources(limits::resources(plan.container.resources.unwrap_or(whole), is_privileged)?)
        .cgroups_path(plan.layout.container_cgroup(plan.id, &plan.container.name))
        .masked_paths(paths(masked_paths()))
        .readonly_paths(paths(readonly_paths()))
        .build()
}

fn mapping(ids: IdRange) -> Result<LinuxIdMapping, OciSpecError> {
    let mapping = LinuxIdMappingBuilder::default().container_id(0_u32).host_id(ids.first());
    mapping.size(IdRange::SIZE).build()
}

/// The list of `oci-spec` is older than what containerd and Docker hide by now.
fn masked_paths() -> Vec<String> {
    let mut paths = get_default_maskedpaths();
    for path in ["/proc/interrupts", "/sys/devices/virtual/powercap"] {
        if !paths.iter().any(|known| known == path) {
            paths.push(path.to_owned());
        }
    }
    paths
}

fn mounts(plan: &BundlePlan<'_>) -> Result<Vec<Mount>, OciSpecError> {
    let mut mounts = Vec::new();
    for (target, kind, options) in [
        ("/proc", "proc", "nosuid,noexec,nodev"),
        ("/dev", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
        ("/dev/pts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"),
        ("/dev/shm", "tmpfs", "nosuid,noexec,nodev,mode=1777,size=65536k"),
        ("/dev/mqueue", "mqueue", "nosuid,noexec,nodev"),
        ("/sys", "sysfs", "nosuid,noexec,nodev,ro"),
    ] {
        mounts.push(mount(target, kind, kind, options)?);
    }
    mounts.extend(cgroup_mounts(plan)?);
    let etc = plan.layout.sandbox(plan.id).etc();
    // Sidecars write to `hosts`, and all containers shall see it.
    for (name, options) in
        [("hosts", "rbind,rw"), ("hostname", "rbind,ro"), ("resolv.conf", "rbind,ro")]
    {
        let options = format!("{options},rprivate,nosuid,nodev,noexec");
        mounts.push(mount(&format!("/etc/{name}"), "bind", etc.join(name).as_str(), &options)?);
    }
    mounts.extend(volume_mounts(plan)?);
    Ok(mounts)
}

/// Mounts of volumes, outer ones first whatever the user's order, so that none covers another.
fn volume_mounts(plan: &BundlePlan<'_>) -> Result<Vec<Mount>, OciSpecError> {
    let storage = plan.layout.storage(plan.id);
    let mut wanted: Vec<&VolumeMount> = plan.container.volume_mounts.iter().collect();
    wanted.sort_by_key(|mount| Utf8Path::new(&mount.mount_path).components().count());
    let mut mounts = Vec::new();
    for volume in wanted {
        let Some(spec) = plan.volumes.iter().find(|spec| spec.name == volume.name) else {
            continue;
        };
        mounts.push(if let Some(source) = volumes::directory(&storage, spec) {
            let is_closed =
                matches!(&spec.source, VolumeSource::AzureFile(share) if share.read_only);
            let access = if volume.read_only || is_closed { "ro" } else { "rw" };
            let options = format!("rbind,{access},rprivate,nodev");
            mount(&volume.mount_path, "bind", source.as_str(), &options)?
        } else {
            // The shim fills it; nobody writes there, as with secrets of Kubernetes.
            let source = format!("{SECRET_SOURCE}{}", volume.name);
            mount(&volume.mount_path, "tmpfs", &source, "ro,nosuid,nodev,noexec")?
        });
    }
    Ok(mounts)
}

/// The container's own cgroups, read-only: the one of version 2, or binds of those of version 1
/// with limits to read. Their parent directory is made read-only with the [`readonly_paths`].
fn cgroup_mounts(plan: &BundlePlan<'_>) -> Result<Vec<Mount>, OciSpecError> {
    let cgroup = plan.layout.container_cgroup(plan.id, &plan.container.name);
    let directories = cgroup::limit_directories(&cgroup);
    if directories.is_empty() {
        let options = "nosuid,noexec,nodev,relatime,ro";
        return Ok(vec![mount(CGROUP_MOUNT, "cgroup", "cgroup", options)?]);
    }
    let options = "nosuid,noexec,nodev,mode=755,size=64k";
    let mut mounts = vec![mount(CGROUP_MOUNT, "tmpfs", "tmpfs", options)?];
    for (name, directory) in directories {
        let options = "rbind,ro,rprivate,nosuid,noexec,nodev";
        let target = format!("{CGROUP_MOUNT}/{name}");
        mounts.push(mount(&target, "bind", directory.as_str(), options)?);
    }
    Ok(mounts)
}

fn readonly_paths() -> Vec<String> {
    let mut paths = get_default_readonly_paths();
    if !cgroup::is_unified() {
        paths.push(CGROUP_MOUNT.to_owned());
    }
    paths
}

fn mount(target: &str, kind: &str, source: &str, options: &str) -> Result<Mount, OciSpecError> {
    MountBuilder::default()
        .destination(target)
        .typ(kind)
        .source(source)
        .options(options.split(',').map(ToOwned::to_owned).collect::<Vec<_>>())
        .build()
}
