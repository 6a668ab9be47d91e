//! A container's resource limits, written into its cgroups; version 1 and version 2.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType, LinuxResources};

use crate::{
    cgroup::{self, CgroupError},
    protocol::GroupLimits,
};

/// What a group's shim may use of the group's CPU, in microseconds per period: enough to copy a
/// flood of output to a log, and too little for that to be felt elsewhere.
pub(crate) const SHIM_QUOTA: u64 = 50_000;
/// The period of all quotas, in microseconds.
const PERIOD: u64 = 100_000;
/// Memory for the group's shim, which is counted with its containers, in bytes.
const SHIM_MEMORY: u64 = 16 << 20;

/// What a container may do with devices, as Docker has it: make any, use the harmless.
const DEVICES: [&str; 10] = [
    "c *:* m",
    "b *:* m",
    "c 1:3 rwm",
    "c 1:5 rwm",
    "c 1:7 rwm",
    "c 1:8 rwm",
    "c 1:9 rwm",
    "c 5:0 rwm",
    "c 5:2 rwm",
    "c 136:* rwm",
];

/// Makes the container's cgroups with their limits and moves this process, which must have one
/// thread, into them.
pub(crate) fn enter(
    cgroup: &str,
    resources: &LinuxResources,
    group: Option<&GroupLimits>,
) -> Result<(), CgroupError> {
    if cgroup::is_unified() {
        for (directory, is_leaf) in cgroup::unified_way(cgroup) {
            if is_leaf {
                write_all(&directory, &unified(&directory, resources))?;
            } else {
                delegate(&directory);
            }
        }
        limit_group(group, true);
        return Ok(());
    }
    limit_group(group, false);
    for (controllers, directory) in cgroup::controller_directories(cgroup) {
        cgroup::make(&directory)?;
        for controller in controllers.split(',') {
            if controller == "cpuset" {
                inherit_cpuset(&directory)?;
            }
            write_all(&directory, &legacy(&directory, controller, resources))?;
        }
        cgroup::enter_alone(&directory)?;
    }
    Ok(())
}

/// Limits the group as a whole. The kernel refuses to go below what is in use, or below what a
/// container that is about to be replaced may use: then the next start of one tries again.
fn limit_group(group: Option<&GroupLimits>, is_unified: bool) {
    let Some(limits) = group else { return };
    let unified = cgroup::unified_way(&limits.cgroup).pop().map(|(way, _)| ("", way));
    let legacy = cgroup::controller_directories(&limits.cgroup);
    let directories: Vec<(&str, Utf8PathBuf)> =
        if is_unified { unified.into_iter().collect() } else { legacy.collect() };
    for (controllers, directory) in directories {
        let names: Vec<&str> = if is_unified { vec![""] } else { controllers.split(',').collect() };
        for (file, value) in names.into_iter().flat_map(|name| of_group(name, limits)) {
            let path = directory.join(file);
            if path.exists() || cgroup::make(&directory).is_ok() {
                drop(fs::write(path, value));
            }
        }
    }
}

/// The files of a group in a controller of version 1, or in version 2 (no name).
fn of_group(controller: &str, limits: &GroupLimits) -> Vec<(&'static str, String)> {
    let cpu_millis = u64::from(limits.cpu_millis);
    let quota = cpu_millis * PERIOD / 1000 + SHIM_QUOTA;
    let shares = (cpu_millis * 1024 / 1000).clamp(2, 262_144);
    let memory = (limits.memory_bytes + SHIM_MEMORY).to_string();
    match controller {
        "cpu" => vec![
            ("cpu.shares", shares.to_string()),
            ("cpu.cfs_period_us", PERIOD.to_string()),
            ("cpu.cfs_quota_us", quota.to_string()),
        ],
        "memory" => vec![("memory.limit_in_bytes", memory)],
        "" => vec![
            ("cpu.weight", weight(shares).to_string()),
            ("cpu.max", format!("{quota} {PERIOD}")),
            ("memory.max", memory),
        ],
        _ => Vec::new(),
    }
}

fn write_all(directory: &Utf8Path, values: &[(&str, String)]) -> Result<(), CgroupError> {
    values.iter().try_for_each(|(file, value)| cgroup::write(&directory.join(file), value))
}

/// The files of one controller of version 1, in the order in which the kernel takes them.
fn legacy(
    directory: &Utf8Path,
    controller: &str,
    resources: &LinuxResources,
) -> Vec<(&'static str, String)> {
    let mut values = Vec::new();
    let mut push = |file, value: Option<String>| values.extend(value.map(|value| (file, value)));
    match controller {
        "memory" => {
            let Some(memory) = resources.memory() else { return values };
            push("memory.limit_in_bytes", memory.limit().map(|n| n.to_string()));
            if directory.join("memory.memsw.limit_in_bytes").exists() {
                push("memory.memsw.limit_in_bytes", memory.swap().map(|n| n.to_string()));
            }
        }
        "cpu" => {
            let Some(cpu) = resources.cpu() else { return values };
            push("cpu.shares", cpu.shares().map(|n| n.to_string()));
            push("cpu.cfs_period_us", cpu.period().map(|n| n.to_string()));
            push("cpu.cfs_quota_us", cpu.quota().map(|n| n.to_string()));
        }
        "pids" => push("pids.max", resources.pids().as_ref().map(|p| p.limit().to_string())),
        "devices" => {
            let is_free = |d: &LinuxDeviceCgroup| d.allow() && d.typ().is_none_or(is_any);
            if resources.devices().iter().flatten().any(is_free) {
                // For privileged containers; a new cgroup has what the one above it has.
                return values;
            }
            push("devices.deny", Some("a".to_owned()));
            for rule in DEVICES {
                push("devices.allow", Some(rule.to_owned()));
            }
        }
        _ => {}
    }
    values
}

fn is_any(kind: LinuxDeviceType) -> bool {
    kind == LinuxDeviceType::A
}

/// The files of version 2.
fn unified(directory: &Utf8Path, resources: &LinuxResources) -> Vec<(&'static str, String)> {
    let mut values = Vec::new();
    if let Some(memory) = resources.memory() {
        values.extend(memory.limit().map(|limit| ("memory.max", limit.to_string())));
        if let (Some(limit), Some(both)) = (memory.limit(), memory.swap())
            && directory.join("memory.swap.max").exists()
        {
            values.push(("memory.swap.max", (both - limit).max(0).to_string()));
        }
    }
    if let Some(cpu) = resources.cpu() {
        values.extend(cpu.shares().map(|shares| ("cpu.weight", weight(shares).to_string())));
        if let (Some(quota), Some(period)) = (cpu.quota(), cpu.period()) {
            values.push(("cpu.max", format!("{quota} {period}")));
        }
    }
    values.extend(resources.pids().as_ref().map(|pids| ("pids.max", pids.limit().to_string())));
    values
}

/// Shares (2 to 262144) as weight (1 to 10000); the runtime specification's formula.
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9_999 / 262_142
}

/// Lets the children of a cgroup have limits of their own. What the kernel refuses shows when a
/// limit is written.
fn delegate(directory: &Utf8Path) {
    let control = directory.join("cgroup.subtree_control");
    let has = fs::read_to_string(&control).unwrap_or_default();
    for controller in ["cpu", "memory", "pids"] {
        if !has.split_whitespace().any(|known| known == controller) {
            drop(fs::write(&control, format!("+{controller}")));
        }
    }
}

/// A new cgroup of this controller is unusable until it has processors and memory nodes.
fn inherit_cpuset(directory: &Utf8Path) -> Result<(), CgroupError> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        inherit(directory, file).map_err(|source| CgroupError {
            operation: "read cgroup",
            path: directory.join(file),
            source,
        })?;
    }
    Ok(())
}

fn inherit(directory: &Utf8Path, file: &str) -> io::Result<()> {
    let mut missing: Vec<Utf8PathBuf> = Vec::new();
    let mut value = String::new();
    for ancestor in directory.ancestors() {
        value = fs::read_to_string(ancestor.join(file))?;
        if !value.trim().is_empty() {
            break;
        }
        missing.push(ancestor.join(file));
    }
    missing.iter().rev().try_for_each(|path| fs::write(path, value.trim()))
}

#[cfg(test)]
mod tests {
    use oci_spec::runtime::{
        LinuxCpuBuilder, LinuxMemoryBuilder, LinuxPidsBuilder, LinuxResourcesBuilder,
    };

    use super::*;

    fn resources() -> LinuxResources {
        let cpu = LinuxCpuBuilder::default().shares(512_u64).quota(150_000).period(100_000_u64);
        let memory = LinuxMemoryBuilder::default().limit(1_000).swap(1_000);
        LinuxResourcesBuilder::default()
            .cpu(cpu.build().unwrap())
            .memory(memory.build().unwrap())
            .pids(LinuxPidsBuilder::default().limit(7).build().unwrap())
            .build()
            .unwrap()
    }

    #[test]
    fn version_2_has_its_own_files_and_units() {
        let directory = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(directory.path()).unwrap();
        fs::write(directory.join("memory.swap.max"), "").unwrap();
        let expected = [
            ("memory.max", "1000"),
            ("memory.swap.max", "0"),
            ("cpu.weight", "20"),
            ("cpu.max", "150000 100000"),
            ("pids.max", "7"),
        ];
        assert_eq!(unified(directory, &resources()), expected.map(|(f, v)| (f, v.to_owned())));
    }

    #[test]
    fn a_group_has_its_weight_and_caps_with_room_for_its_shim() {
        let limits =
            GroupLimits { cgroup: "/g".to_owned(), cpu_millis: 1500, memory_bytes: 64 << 20 };
        let memory = ((64_u64 << 20) + SHIM_MEMORY).to_string();
        let owned = |pairs: &[(&'static str, &str)]| {
            pairs.iter().map(|(f, v)| (*f, (*v).to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(
            of_group("cpu", &limits),
            owned(&[
                ("cpu.shares", "1536"),
                ("cpu.cfs_period_us", "100000"),
                ("cpu.cfs_quota_us", "200000")
            ])
        );
        assert_eq!(of_group("memory", &limits), owned(&[("memory.limit_in_bytes", &memory)]));
        assert_eq!(
            of_group("", &limits),
            owned(&[("cpu.weight", "59"), ("cpu.max", "200000 100000"), ("memory.max", &memory)])
        );
    }

    #[test]
    fn weights_cover_the_range() {
        assert_eq!((weight(0), weight(2), weight(1024), weight(262_144)), (1, 1, 39, 10_000));
    }

    #[test]
    fn processors_are_inherited_over_any_number_of_levels() {
        let top = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(top.path()).unwrap();
        let leaf = top.join("a/b");
        std::fs::create_dir_all(&leaf).unwrap();
        for directory in [&leaf, &top.join("a")] {
            fs::write(directory.join("cpuset.cpus"), "\n").unwrap();
        }
        fs::write(top.join("cpuset.cpus"), "0-1\n").unwrap();
        inherit(&leaf, "cpuset.cpus").unwrap();
        assert_eq!(fs::read_to_string(leaf.join("cpuset.cpus")).unwrap(), "0-1");
        assert_eq!(fs::read_to_string(top.join("a/cpuset.cpus")).unwrap(), "0-1");
    }
}
