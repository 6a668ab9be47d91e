//! What the host has, what groups have reserved of it, and whether one more fits (semantics.md §4).
//!
//! A group reserves the sum of its containers' requests from the moment it is accepted until it is
//! stopped, deleted or has ended; the store adds them up in the transaction that accepts the next.

use crate::{
    Error, ErrorKind,
    spec::{Amount, GroupSpec},
};

/// What may be reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// CPU and memory of the host, overcommitment included.
    pub host: Total,
    /// The most groups that may have a reservation; `None`: any number.
    pub groups: Option<u64>,
    /// The most whole CPUs that may be reserved, as a quota of the subscription; `None`: as many as
    /// the host has.
    pub cores: Option<u64>,
}

impl Capacity {
    /// Without any bound, for backends that ask somebody else.
    pub const UNLIMITED: Self = Self {
        host: Total { groups: 0, cpu_millis: u64::MAX, memory_bytes: u64::MAX },
        groups: None,
        cores: None,
    };
}

/// A sum of reservations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// How many groups.
    pub groups: u64,
    /// Thousandths of a CPU.
    pub cpu_millis: u64,
    /// Bytes.
    pub memory_bytes: u64,
}

/// What all containers of a group ask for together; init containers run within it.
pub fn requests(spec: &GroupSpec) -> Amount {
    let requests = spec.containers.iter().filter_map(|c| c.resources).map(|r| r.requests);
    requests.fold(Amount { cpu_millis: 0, memory_bytes: 0 }, |sum, one| Amount {
        cpu_millis: sum.cpu_millis.saturating_add(one.cpu_millis),
        memory_bytes: sum.memory_bytes.saturating_add(one.memory_bytes),
    })
}

/// Whether a group fits beside what others have reserved.
pub fn check(
    capacity: &Capacity,
    others: Total,
    wanted: Amount,
    location: &str,
) -> Result<(), Error> {
    let cpu_millis = others.cpu_millis.saturating_add(u64::from(wanted.cpu_millis));
    if let Some(limit) = capacity.groups.filter(|limit| others.groups >= *limit) {
        return Err(quota("ContainerGroups", location, limit, others.groups, "1"));
    }
    if let Some(limit) = capacity.cores.filter(|limit| cpu_millis > limit.saturating_mul(1000)) {
        let requested = (f64::from(wanted.cpu_millis) / 1000.0).to_string();
        let used = others.cpu_millis.div_ceil(1000);
        return Err(quota("StandardCores", location, limit, used, &requested));
    }
    let memory_bytes = others.memory_bytes.saturating_add(wanted.memory_bytes);
    if cpu_millis > capacity.host.cpu_millis || memory_bytes > capacity.host.memory_bytes {
        return Err(no_room(location, wanted));
    }
    Ok(())
}

fn quota(name: &str, location: &str, limit: u64, used: u64, requested: &str) -> Error {
    Error::new(
        ErrorKind::QuotaExceeded,
        "ContainerGroupQuotaReached",
        format!(
            "Resource type 'Microsoft.ContainerInstance/containerGroups' container group quota \
             '{name}' exceeded in region '{location}'. Limit: '{limit}', Usage: '{used}' \
             Requested: '{requested}'."
        ),
    )
}

fn no_room(location: &str, wanted: Amount) -> Error {
    let (cpu, memory) = (f64::from(wanted.cpu_millis) / 1000.0, gib(wanted.memory_bytes));
    Error::new(
        ErrorKind::CapacityExceeded,
        "ServiceUnavailable",
        format!(
            "The requested resource is not available in the location '{location}' at this moment. \
             Please retry with a different resource request or in another location. Resource \
             requested: '{cpu}' CPU '{memory}' GB memory 'Linux' OS"
        ),
    )
}

/// Bytes as the API's gigabytes, to a millionth.
#[expect(clippy::cast_precision_loss, reason = "sizes of memory fit a double's 53 bits")]
pub fn gib(bytes: u64) -> f64 {
    let gib = bytes as f64 / f64::from(1_u32 << 30);
    (gib * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Amount = Amount { cpu_millis: 2000, memory_bytes: 4 << 30 };

    fn capacity(cpu_millis: u64, memory_bytes: u64) -> Capacity {
        let host = Total { groups: 0, cpu_millis, memory_bytes };
        Capacity { host, ..Capacity::UNLIMITED }
    }

    #[test]
    fn what_does_not_fit_is_told_in_azures_words() {
        let others = Total { groups: 1, cpu_millis: 1000, memory_bytes: 1 << 30 };
        assert_eq!(check(&capacity(3000, 5 << 30), others, WANTED, "local"), Ok(()));
        for host in [capacity(2999, u64::MAX), capacity(u64::MAX, (5 << 30) - 1)] {
            let error = check(&host, others, WANTED, "local").unwrap_err();
            assert_eq!(
                (error.kind, error.code),
                (ErrorKind::CapacityExceeded, "ServiceUnavailable")
            );
            assert_eq!(
                error.message,
                "The requested resource is not available in the location 'local' at this moment. \
                 Please retry with a different resource request or in another location. Resource \
                 requested: '2' CPU '4' GB memory 'Linux' OS"
            );
        }
    }

    #[test]
    fn quotas_count_groups_and_cores() {
        let others = Total { groups: 3, cpu_millis: 9_500, memory_bytes: 0 };
        let groups = Capacity { groups: Some(3), ..Capacity::UNLIMITED };
        let error = check(&groups, others, WANTED, "local").unwrap_err();
        assert_eq!(error.code, "ContainerGroupQuotaReached");
        assert!(error.message.contains("'ContainerGroups' exceeded in region 'local'. Limit: '3'"));
        let cores = Capacity { cores: Some(10), ..Capacity::UNLIMITED };
        let error = check(&cores, others, WANTED, "local").unwrap_err();
        assert!(error.message.ends_with("Limit: '10', Usage: '10' Requested: '2'."));
    }
}
