//! Control groups by name over every hierarchy of the host, version 1, 2 or both.
//!
//! Making, entering, finding, killing and removing them; it keeps no state: a cgroup is its name.
//!
//! Moving a process between cgroups by `cgroup.procs` makes the kernel wait for all processors,
//! which takes 10 to 20 ms. Two ways avoid that, and only they are used where it matters: a process
//! is born into its unified cgroup ([`make_unified`]), and a process with one thread moves itself
//! by writing `0` to `tasks` in version 1 ([`enter_alone`]).

mod usage;

use std::{
    io::{self, BufRead},
    os::fd::OwnedFd,
    sync::OnceLock,
};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

pub use usage::{Usage, usage};

/// A hierarchy and where it is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hierarchy {
    mount: Utf8PathBuf,
    kind: Kind,
    /// The mount options: the controllers of version 1 are among them.
    options: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Version 1 with the memory controller.
    Memory,
    /// Version 1 without any controller: it groups processes for systemd.
    Named,
    /// Version 1 with other controllers.
    Controller,
    /// Version 2: alone, or beside version 1 without any controller.
    Unified,
}

/// An operation on a cgroup that failed.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {path}")]
pub struct CgroupError {
    /// What was tried: "make cgroup".
    pub operation: &'static str,
    /// The file or directory.
    pub path: Utf8PathBuf,
    /// Why it failed.
    #[source]
    pub source: io::Error,
}

/// The hierarchies of this host, found once: they do not come and go.
fn hierarchies() -> &'static [Hierarchy] {
    static FOUND: OnceLock<Vec<Hierarchy>> = OnceLock::new();
    FOUND.get_or_init(|| match fs::File::open("/proc/self/mountinfo") {
        Ok(file) => parse(io::BufReader::new(file).lines().map_while(Result::ok)),
        Err(_) => Vec::new(),
    })
}

/// `36 35 0:30 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory`
fn parse(mountinfo: impl Iterator<Item = String>) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for line in mountinfo {
        let Some((front, back)) = line.split_once(" - ") else { continue };
        let mut back = back.split(' ');
        let (fs_type, options) = (back.next().unwrap_or_default(), back.nth(1).unwrap_or_default());
        let Some(mount) = front.split(' ').nth(4) else { continue };
        let kind = match fs_type {
            "cgroup2" => Kind::Unified,
            "cgroup" if options.split(',').any(|o| o == "memory") => Kind::Memory,
            "cgroup" if options.split(',').any(|o| o.starts_with("name=")) => Kind::Named,
            "cgroup" => Kind::Controller,
            _ => continue,
        };
        // The same hierarchy can be mounted again, in a chroot for example; the first one counts.
        if mount.starts_with("/sys/fs/cgroup") && !found.iter().any(|h| h.mount == mount) {
            let (mount, options) = (Utf8PathBuf::from(mount), options.to_owned());
            found.push(Hierarchy { mount, kind, options });
        }
    }
    found
}

impl Hierarchy {
    fn directory(&self, cgroup: &str) -> Utf8PathBuf {
        self.mount.join(cgroup.trim_start_matches('/'))
    }
}

/// Whether resource limits live in the unified hierarchy: a host with version 2 only.
pub fn is_unified() -> bool {
    hierarchies().iter().all(|h| h.kind == Kind::Unified)
}

/// Where programs look for their own limits on a host with version 1: the name of the hierarchy
/// below `/sys/fs/cgroup` and the directory of the cgroup in it. Empty on a host with version 2
/// alone, where the one hierarchy can be mounted as it is.
pub fn limit_directories(cgroup: &str) -> Vec<(String, Utf8PathBuf)> {
    const WITH_LIMITS: [&str; 5] = ["memory", "cpu", "cpuacct", "cpuset", "pids"];
    if is_unified() {
        return Vec::new();
    }
    let of_interest = hierarchies().iter().filter_map(|hierarchy| {
        let name = hierarchy.mount.file_name()?;
        let has_limits = name.split(',').any(|part| WITH_LIMITS.contains(&part));
        has_limits.then(|| (name.to_owned(), hierarchy.directory(cgroup)))
    });
    of_interest.collect()
}

/// Whether the kernel can limit memory and swap together (version 1, `memory.memsw.*`).
pub fn counts_swap() -> bool {
    hierarchies()
        .iter()
        .any(|h| h.kind == Kind::Memory && h.mount.join("memory.memsw.limit_in_bytes").exists())
}

/// Makes a cgroup's directory and those above it.
pub(crate) fn make(directory: &Utf8Path) -> Result<(), CgroupError> {
    match std::fs::create_dir(directory) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(_) => fs::create_dir_all(directory).map_err(failed("make cgroup", directory)),
    }
}

/// Writes a file of a cgroup.
pub(crate) fn write(path: &Utf8Path, value: &str) -> Result<(), CgroupError> {
    fs::write(path, value).map_err(failed("write", path))
}

/// Makes the cgroup in the unified hierarchy and opens it; `None` if there is no such hierarchy.
pub(crate) fn make_unified(cgroup: &str) -> Result<Option<OwnedFd>, CgroupError> {
    let Some(unified) = hierarchies().iter().find(|h| h.kind == Kind::Unified) else {
        return Ok(None);
    };
    let directory = unified.directory(cgroup);
    make(&directory)?;
    let opened = fs::File::open(&directory).map_err(failed("open cgroup", &directory))?;
    Ok(Some(opened.into_parts().0.into()))
}

/// Moves this process, if it has one thread, into a cgroup of version 1.
pub(crate) fn enter_alone(directory: &Utf8Path) -> Result<(), CgroupError> {
    write(&directory.join("tasks"), "0")
}

/// For a shim, which is born into its unified cgroup: leaves the daemon's cgroups of version 1
/// that matter: the one by which systemd finds processes, the one that counts memory and the one
/// that gives out the CPU, of which it gets so many microseconds per default period.
pub(crate) fn enter_apart(cgroup: &str, cpu_quota: u64) -> Result<(), CgroupError> {
    for hierarchy in hierarchies() {
        let has_cpu = hierarchy.options.split(',').any(|option| option == "cpu");
        if !(matches!(hierarchy.kind, Kind::Named | Kind::Memory) || has_cpu) {
            continue;
        }
        let directory = hierarchy.directory(cgroup);
        make(&directory)?;
        if has_cpu {
            write(&directory.join("cpu.cfs_quota_us"), &cpu_quota.to_string())?;
        }
        enter_alone(&directory)?;
    }
    Ok(())
}

/// Caps the processes and threads in a cgroup and below, where the kernel can; no process needs to
/// be in it yet.
pub fn cap_processes(cgroup: &str, most: u64) -> Result<(), CgroupError> {
    let unified = |h: &&Hierarchy| h.kind == Kind::Unified && is_unified();
    let legacy = |h: &&Hierarchy| h.options.split(',').any(|option| option == "pids");
    let Some(hierarchy) = hierarchies().iter().find(|h| unified(h) || legacy(h)) else {
        return Ok(());
    };
    let directory = hierarchy.directory(cgroup);
    make(&directory)?;
    let path = directory.join("pids.max");
    if path.exists() { write(&path, &most.to_string()) } else { Ok(()) }
}

/// Back to the root of all hierarchies, in which nothing is limited; slow.
pub(crate) fn leave(pid: u32) {
    for hierarchy in hierarchies() {
        // Where it never was there is nothing to leave.
        drop(fs::write(hierarchy.mount.join("cgroup.procs"), pid.to_string()));
    }
}

/// The cgroup's directories in version 1 with their controllers, separated by commas.
pub(crate) fn controller_directories(
    cgroup: &str,
) -> impl Iterator<Item = (&'static str, Utf8PathBuf)> {
    let legacy = hierarchies().iter().filter(|h| h.kind != Kind::Unified);
    legacy.map(move |h| (h.options.as_str(), h.directory(cgroup)))
}

/// In the unified hierarchy: all directories from the root to the cgroup, which is the leaf.
pub(crate) fn unified_way(cgroup: &str) -> Vec<(Utf8PathBuf, bool)> {
    let Some(unified) = hierarchies().iter().find(|h| h.kind == Kind::Unified) else {
        return Vec::new();
    };
    let leaf = unified.directory(cgroup);
    let mut way: Vec<Utf8PathBuf> = leaf
        .ancestors()
        .take_while(|directory| directory.starts_with(&unified.mount))
        .map(Utf8Path::to_owned)
        .collect();
    way.reverse();
    way.into_iter().map(|directory| (directory.clone(), directory == leaf)).collect()
}

/// How many processes of the cgroup the kernel has killed for want of memory.
pub fn oom_kills(cgroup: &str) -> u64 {
    let count = |file: &str, hierarchy: &Hierarchy| {
        let text = fs::read_to_string(hierarchy.directory(cgroup).join(file)).ok()?;
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse::<u64>().ok())
    };
    let counts = hierarchies().iter().filter_map(|hierarchy| match hierarchy.kind {
        Kind::Memory => count("memory.oom_control", hierarchy),
        Kind::Unified => count("memory.events", hierarchy),
        Kind::Named | Kind::Controller => None,
    });
    counts.max().unwrap_or(0)
}

/// Whether the cgroup is there in any hierarchy.
pub fn exists(cgroup: &str) -> bool {
    hierarchies().iter().any(|hierarchy| hierarchy.directory(cgroup).exists())
}

/// The processes in the cgroup and below, over all hierarchies, each once.
pub fn pids(cgroup: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for hierarchy in hierarchies() {
        collect_pids(&hierarchy.directory(cgroup), &mut found);
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn collect_pids(directory: &Utf8Path, found: &mut Vec<u32>) {
    let Ok(text) = fs::read_to_string(directory.join("cgroup.procs")) else { return };
    found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
    for child in children(directory) {
        collect_pids(&child, found);
    }
}

/// Sends SIGKILL to every process in the cgroup and below; processes that are just being born may
/// escape where the kernel cannot kill a cgroup as a whole (before 5.14), so call it again.
pub fn kill(cgroup: &str) {
    for hierarchy in hierarchies().iter().filter(|h| h.kind == Kind::Unified) {
        // Not there, or not known to this kernel: the loop below does it.
        drop(fs::write(hierarchy.directory(cgroup).join("cgroup.kill"), "1"));
    }
    for pid in pids(cgroup) {
        if let Ok(pid) = i32::try_from(pid) {
            // It may have ended already.
            let _gone = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(pid),
                nix::sys::signal::Signal::SIGKILL,
            );
        }
    }
}

/// Removes the cgroup and those below it from all hierarchies, as far as they are empty; whether
/// nothing is left. Does not wait.
pub fn remove(cgroup: &str) -> Result<bool, CgroupError> {
    let mut is_gone = true;
    for hierarchy in hierarchies() {
        is_gone &= remove_tree(&hierarchy.directory(cgroup))?;
    }
    Ok(is_gone)
}

/// Removes the cgroup from all hierarchies where it has neither processes nor children.
pub fn remove_if_empty(cgroup: &str) -> Result<(), CgroupError> {
    for hierarchy in hierarchies() {
        try_remove(&hierarchy.directory(cgroup))?;
    }
    Ok(())
}

fn remove_tree(directory: &Utf8Path) -> Result<bool, CgroupError> {
    if try_remove(directory)? {
        return Ok(true);
    }
    for child in children(directory) {
        remove_tree(&child)?;
    }
    try_remove(directory)
}

/// Removes one directory; `false` while it is busy.
fn try_remove(directory: &Utf8Path) -> Result<bool, CgroupError> {
    match std::fs::remove_dir(directory) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok(false),
        Err(source) => Err(failed("remove cgroup", directory)(source)),
    }
}

/// The names of the cgroups directly below, over all hierarchies, each once.
pub fn child_names(cgroup: &str) -> Vec<String> {
    let mut names: Vec<String> = hierarchies()
        .iter()
        .flat_map(|hierarchy| children(&hierarchy.directory(cgroup)))
        .filter_map(|path| path.file_name().map(ToOwned::to_owned))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn children(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Ok(entries) = directory.read_dir_utf8() else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()))
        .map(camino::Utf8DirEntry::into_path)
        .collect()
}

fn failed(operation: &'static str, path: &Utf8Path) -> impl FnOnce(io::Error) -> CgroupError {
    move |source| CgroupError { operation, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(mountinfo: &str) -> Vec<(String, Kind)> {
        parse(mountinfo.lines().map(ToOwned::to_owned))
            .into_iter()
            .map(|h| (h.mount.into_string(), h.kind))
            .collect()
    }

    #[test]
    fn a_hybrid_host_has_both_versions() {
        let mountinfo = "\
25 1 0:22 / /sys/fs/cgroup rw shared:2 - tmpfs tmpfs rw,mode=755
26 25 0:23 / /sys/fs/cgroup/unified rw shared:3 - cgroup2 cgroup2 rw
27 25 0:24 / /sys/fs/cgroup/systemd rw shared:4 - cgroup cgroup rw,name=systemd
28 25 0:25 / /sys/fs/cgroup/memory rw shared:5 - cgroup cgroup rw,memory
29 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:6 - cgroup cgroup rw,cpu,cpuacct
30 1 0:25 / /somewhere/memory rw shared:5 - cgroup cgroup rw,memory
31 1 0:27 / /proc rw shared:7 - proc proc rw";
        let expected = [
            ("/sys/fs/cgroup/unified", Kind::Unified),
            ("/sys/fs/cgroup/systemd", Kind::Named),
            ("/sys/fs/cgroup/memory", Kind::Memory),
            ("/sys/fs/cgroup/cpu,cpuacct", Kind::Controller),
        ];
        assert_eq!(kinds(mountinfo), expected.map(|(m, k)| (m.to_owned(), k)));
    }

    #[test]
    fn a_modern_host_has_one_hierarchy() {
        let mountinfo = "30 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";
        assert_eq!(kinds(mountinfo), [("/sys/fs/cgroup".to_owned(), Kind::Unified)]);
    }
}
