//! What a container uses, from its cgroup; version 1 and version 2.

use camino::Utf8Path;
use fs_err as fs;

use super::{Kind, hierarchies, is_unified};

/// What a container has used so far and uses now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time since its start, in nanoseconds.
    pub cpu_nanos: u64,
    /// Memory in use without the file cache that the kernel can drop, in bytes.
    pub memory_bytes: u64,
}

/// Of a cgroup and those below it; `None` if it is not there.
pub fn usage(cgroup: &str) -> Option<Usage> {
    if is_unified() {
        let directory = hierarchies().first()?.directory(cgroup);
        let cpu_nanos = field(&directory.join("cpu.stat"), "usage_usec")?.saturating_mul(1_000);
        let cache = field(&directory.join("memory.stat"), "inactive_file").unwrap_or(0);
        let memory = number(&directory.join("memory.current")).unwrap_or(0);
        return Some(Usage { cpu_nanos, memory_bytes: memory.saturating_sub(cache) });
    }
    let has_cpu = |options: &str| options.split(',').any(|option| option == "cpuacct");
    let cpu = hierarchies().iter().find(|h| has_cpu(&h.options))?.directory(cgroup);
    let memory = hierarchies().iter().find(|h| h.kind == Kind::Memory)?.directory(cgroup);
    let cache = field(&memory.join("memory.stat"), "total_inactive_file").unwrap_or(0);
    let memory = number(&memory.join("memory.usage_in_bytes"))?;
    let cpu_nanos = number(&cpu.join("cpuacct.usage"))?;
    Some(Usage { cpu_nanos, memory_bytes: memory.saturating_sub(cache) })
}

fn number(path: &Utf8Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn field(path: &Utf8Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}
