//! What this host has to give away.

use camino::Utf8Path;
use wharf_model::{
    Error,
    capacity::{Capacity, Total},
};

use crate::config::CapacityConfig;

/// What of the memory the host keeps for itself: a sixteenth, but no more than this, in bytes.
const KEPT_MAX: u64 = 1 << 30;

/// What groups may reserve.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes of hosts fit a double's 53 bits, and factors are above 0"
)]
pub(crate) fn capacity(config: CapacityConfig) -> Capacity {
    let (cpu_millis, memory_bytes) = (cpu_millis(), memory_bytes());
    let kept = (memory_bytes / 16).min(KEPT_MAX);
    let times = |amount: u64, factor: f64| (amount as f64 * factor) as u64;
    let host = Total {
        groups: 0,
        cpu_millis: times(cpu_millis, config.cpu_overcommit),
        memory_bytes: times(memory_bytes - kept, config.memory_overcommit),
    };
    Capacity { host, groups: config.group_quota, cores: config.core_quota }
}

/// Bytes in use of the disk with the data directory, and how many there are to be had.
pub(crate) fn disk(path: &Utf8Path) -> Result<(u64, u64), Error> {
    let found = nix::sys::statvfs::statvfs(path.as_std_path())
        .map_err(|error| Error::internal(format!("look at the disk of {path}: {error}")))?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size());
    let used = bytes(found.blocks().saturating_sub(found.blocks_free()));
    Ok((used, used.saturating_add(bytes(found.blocks_available()))))
}

/// Thousandths of a CPU.
fn cpu_millis() -> u64 {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u64::try_from(cpus).unwrap_or(u64::MAX).saturating_mul(1000)
}

/// Bytes; as much as can be said where the kernel does not tell.
fn memory_bytes() -> u64 {
    let meminfo = fs_err::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|text| text.trim().parse::<u64>().ok());
    kib.map_or(u64::MAX, |kib| kib * 1024)
}
