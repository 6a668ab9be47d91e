//! CPU, memory and process limits of a container.

use oci_spec::{
    OciSpecError,
    runtime::{
        LinuxCpuBuilder, LinuxDeviceCgroupBuilder, LinuxDeviceType, LinuxMemoryBuilder,
        LinuxPidsBuilder, LinuxResources, LinuxResourcesBuilder,
    },
};
use wharf_model::spec::Resources;
use wharf_shim::cgroup;

/// The CPU bandwidth period, in microseconds: the kernel's default.
const CPU_PERIOD: u64 = 100_000;
/// The kernel accepts no smaller quota, in microseconds.
const CPU_QUOTA_MIN: i64 = 1_000;
/// Processes and threads in one container; a fork bomb shall not take the host's.
const PIDS_MAX: i64 = 4_096;

/// Requests become weight, limits become caps. No devices but the harmless ones that the shim
/// gives to every container, unless it is privileged.
pub(super) fn resources(
    resources: Resources,
    is_privileged: bool,
) -> Result<LinuxResources, OciSpecError> {
    let weight = u64::from(resources.requests.cpu_millis) * 1024 / 1000;
    let quota = i64::from(resources.limits.cpu_millis) * i64::try_from(CPU_PERIOD).unwrap_or(0);
    let cpu = LinuxCpuBuilder::default()
        .shares(weight.clamp(2, 262_144))
        .period(CPU_PERIOD)
        .quota((quota / 1000).max(CPU_QUOTA_MIN))
        .build()?;
    let bytes = i64::try_from(resources.limits.memory_bytes).unwrap_or(i64::MAX);
    let mut memory = LinuxMemoryBuilder::default().limit(bytes);
    if cgroup::is_unified() || cgroup::counts_swap() {
        // Memory and swap together: no swap.
        memory = memory.swap(bytes);
    }
    let all = LinuxDeviceCgroupBuilder::default().typ(LinuxDeviceType::A).access("rwm");
    let devices = all.allow(is_privileged).build()?;
    LinuxResourcesBuilder::default()
        .cpu(cpu)
        .memory(memory.build()?)
        .pids(LinuxPidsBuilder::default().limit(PIDS_MAX).build()?)
        .devices(vec![devices])
        .build()
}

#[cfg(test)]
mod tests {
    use wharf_model::spec::Amount;

    use super::*;

    #[test]
    fn requests_are_weight_and_limits_are_caps() {
        let requests = Amount { cpu_millis: 500, memory_bytes: 1 << 29 };
        let limits = Amount { cpu_millis: 1500, memory_bytes: 1 << 30 };
        let built = resources(Resources { requests, limits }, false).unwrap();
        let cpu = built.cpu().clone().unwrap();
        assert_eq!(
            (cpu.shares(), cpu.quota(), cpu.period()),
            (Some(512), Some(150_000), Some(100_000))
        );
        assert_eq!(built.memory().unwrap().limit(), Some(1 << 30));
        assert_eq!(built.pids().unwrap().limit(), PIDS_MAX);
    }

    #[test]
    fn tiny_amounts_stay_within_what_the_kernel_takes() {
        let tiny = Amount { cpu_millis: 1, memory_bytes: 1 << 22 };
        let cpu = resources(Resources { requests: tiny, limits: tiny }, false)
            .unwrap()
            .cpu()
            .clone()
            .unwrap();
        assert_eq!((cpu.shares(), cpu.quota()), (Some(2), Some(1_000)));
    }
}
