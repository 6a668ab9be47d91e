//! What groups use: looking at cgroups and at the host's side of their links.

use std::collections::{BTreeMap, HashMap};

use wharf_model::{ContainerName, GroupId};
use wharf_shim::cgroup::{self, Usage};

use super::Embedded;

/// What one group has used so far and uses now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupUsage {
    /// Its containers that run.
    pub containers: BTreeMap<ContainerName, Usage>,
    /// Bytes received and sent since its network was made; `None` without one.
    pub network: Option<Traffic>,
}

/// Bytes, as the group sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Received by the group.
    pub received: u64,
    /// Sent by the group.
    pub sent: u64,
}

impl Embedded {
    /// What groups use, each with the names of its containers. Blocks on file system calls.
    pub fn usage(&self, groups: &[(GroupId, Vec<ContainerName>)]) -> HashMap<GroupId, GroupUsage> {
        // Not `/sys`: that shows the network namespace in which it was mounted.
        let text = fs_err::read_to_string("/proc/net/dev").unwrap_or_default();
        let links: HashMap<&str, Traffic> = text.lines().filter_map(traffic).collect();
        let of_group = |(id, names): &(GroupId, Vec<ContainerName>)| {
            let containers = names.iter().filter_map(|name| {
                let found = cgroup::usage(&self.layout.container_cgroup(id, name))?;
                Some((name.clone(), found))
            });
            let network = links.get(self.layout.veth(id).as_str()).copied();
            (id.clone(), GroupUsage { containers: containers.collect(), network })
        };
        groups.iter().map(of_group).collect()
    }
}

/// `  name: rx-bytes packets errs drop fifo frame compressed multicast tx-bytes …`; what the host
/// receives there the group has sent.
fn traffic(line: &str) -> Option<(&str, Traffic)> {
    let (name, rest) = line.split_once(':')?;
    let mut fields = rest.split_whitespace();
    let sent = fields.next()?.parse().ok()?;
    let received = fields.nth(7)?.parse().ok()?;
    Some((name.trim(), Traffic { received, sent }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_view_of_a_link_is_turned_round() {
        let line = "  wabcd: 100 2 0 0 0 0 0 0 700 5 0 0 0 0 0 0";
        assert_eq!(traffic(line), Some(("wabcd", Traffic { received: 700, sent: 100 })));
        assert_eq!(traffic("Inter-|   Receive"), None);
    }
}
