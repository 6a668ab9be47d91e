//! Which rights a container may ask for and which it gets: pure decisions (docs/security.md).

use crate::{
    ContainerName, Error, ErrorKind,
    spec::{GroupSpec, SecurityContext},
};

/// All capabilities of Linux, without `CAP_`, each at the place of the kernel's number for it.
pub const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// What a container has unless it says otherwise: Docker's and containerd's fourteen.
const USUAL: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

/// What may be added as well: its effect ends at the container's own namespaces and limits.
const ADDABLE: [&str; 6] =
    ["IPC_LOCK", "IPC_OWNER", "LEASE", "NET_ADMIN", "NET_BROADCAST", "SYS_PTRACE"];

/// What the host's administrator lets containers ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether containers may be privileged: root on the host in all but name.
    pub allows_privileged: bool,
    /// Capabilities that may be added besides those that are harmless, without `CAP_`.
    pub capabilities: Vec<String>,
}

/// The capability of that name, with or without `CAP_`, in any case.
pub fn capability(name: &str) -> Option<&'static str> {
    let name = match name.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("CAP_") => &name[4..],
        _ => name,
    };
    CAPABILITIES.into_iter().find(|known| known.eq_ignore_ascii_case(name))
}

/// The capabilities of a container: the usual ones, without those dropped, with those added.
pub fn capabilities(context: &SecurityContext) -> Vec<&'static str> {
    if context.is_privileged {
        return CAPABILITIES.to_vec();
    }
    let names = |list: &[String], name: &str| {
        list.iter().any(|one| is_all(one) || capability(one) == Some(name))
    };
    let has = |name: &&'static str| {
        let is_usual = USUAL.contains(name) && !names(&context.dropped_capabilities, name);
        is_usual || names(&context.added_capabilities, name)
    };
    CAPABILITIES.into_iter().filter(has).collect()
}

/// What may be added to the usual ones in a user namespace: its effect ends there. The kernel asks
/// for all others in the host's own (`capabilities(7)`, `user_namespaces(7)`).
const NAMESPACED: [&str; 3] = ["NET_ADMIN", "NET_BROADCAST", "SYS_PTRACE"];

/// Whether a container has all the rights it asks for even if its root is a user of no importance
/// on the host.
pub fn fits_user_namespace(context: &SecurityContext) -> bool {
    let fits = |name: &String| {
        !is_all(name)
            && capability(name).is_some_and(|name| {
                NAMESPACED.contains(&name) || (USUAL.contains(&name) && name != "MKNOD")
            })
    };
    !context.is_privileged && context.added_capabilities.iter().all(fits)
}

fn is_all(name: &str) -> bool {
    name.eq_ignore_ascii_case("ALL")
}

/// Refuses what the host's policy does not allow.
pub fn check(spec: &GroupSpec, policy: &Policy) -> Result<(), Error> {
    let lists = [("initContainers", &spec.init_containers), ("containers", &spec.containers)];
    for (list, containers) in lists {
        for (i, container) in containers.iter().enumerate() {
            let path = format!("properties.{list}[{i}].properties.securityContext");
            check_one(&container.name, &container.security, policy, &path)?;
        }
    }
    Ok(())
}

fn check_one(
    name: &ContainerName,
    context: &SecurityContext,
    policy: &Policy,
    path: &str,
) -> Result<(), Error> {
    if context.is_privileged && !policy.allows_privileged {
        return Err(refused(
            format!(
                "The container '{name}' cannot be privileged: that needs the SKU 'Confidential', \
                 or a host that is run with '--allow-privileged'."
            ),
            &format!("{path}.privileged"),
        ));
    }
    let may_add = |capability: &str| {
        USUAL.contains(&capability)
            || ADDABLE.contains(&capability)
            || policy.allows_privileged
            || policy.capabilities.iter().any(|allowed| {
                is_all(allowed) || crate::security::capability(allowed) == Some(capability)
            })
    };
    let added = capabilities(&SecurityContext {
        dropped_capabilities: vec!["ALL".to_owned()],
        is_privileged: false,
        ..context.clone()
    });
    if let Some(denied) = added.into_iter().find(|capability| !may_add(capability)) {
        return Err(refused(
            format!(
                "The capability '{denied}' cannot be added to container '{name}': it reaches \
                 beyond the container. The administrator can allow it with \
                 '--allow-capability {denied}'."
            ),
            &format!("{path}.capabilities.add"),
        ));
    }
    Ok(())
}

fn refused(message: String, path: &str) -> Error {
    Error::new(ErrorKind::InvalidParameter, "SecurityContextNotAllowed", message).at(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(add: &[&str], drop: &[&str]) -> SecurityContext {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        SecurityContext {
            added_capabilities: owned(add),
            dropped_capabilities: owned(drop),
            ..SecurityContext::default()
        }
    }

    fn check(context: &SecurityContext, policy: &Policy) -> Result<(), Error> {
        check_one(&ContainerName::parse("c").unwrap(), context, policy, "sc")
    }

    #[test]
    fn capabilities_are_dropped_and_then_added() {
        let mut usual = USUAL.to_vec();
        let mut found = capabilities(&context(&[], &[]));
        usual.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, usual);
        assert_eq!(
            capabilities(&context(&["cap_kill", "NET_ADMIN"], &["all"])),
            ["KILL", "NET_ADMIN"]
        );
        assert!(!capabilities(&context(&[], &["CAP_MKNOD"])).contains(&"MKNOD"));
        assert_eq!(capabilities(&context(&["ALL"], &[])).len(), CAPABILITIES.len());
    }

    #[test]
    fn rights_that_the_kernel_asks_for_on_the_host_need_the_hosts_users() {
        for fits in [&[][..], &["NET_ADMIN", "cap_sys_ptrace", "KILL"]] {
            assert!(fits_user_namespace(&context(fits, &["ALL"])), "{fits:?}");
        }
        for reaches in ["IPC_LOCK", "MKNOD", "SYS_ADMIN", "ALL", "CAP_SYS_TIME"] {
            assert!(!fits_user_namespace(&context(&["KILL", reaches], &[])), "{reaches}");
        }
        let privileged = SecurityContext { is_privileged: true, ..SecurityContext::default() };
        assert!(!fits_user_namespace(&privileged));
    }

    #[test]
    fn what_reaches_the_host_needs_the_hosts_policy() {
        let strict = Policy::default();
        assert_eq!(check(&context(&["NET_ADMIN", "CHOWN"], &["ALL"]), &strict), Ok(()));
        for name in ["SYS_ADMIN", "CAP_SYS_MODULE", "bpf", "DAC_READ_SEARCH", "ALL", "SYS_RESOURCE"]
        {
            let error = check(&context(&[name], &[]), &strict).unwrap_err();
            assert_eq!(error.target.as_deref(), Some("sc.capabilities.add"), "{name}");
        }
        let listed = Policy { capabilities: vec!["cap_sys_time".to_owned()], ..strict.clone() };
        assert_eq!(check(&context(&["SYS_TIME"], &[]), &listed), Ok(()));
        assert!(check(&context(&["SYS_ADMIN"], &[]), &listed).is_err());
        let privileged = SecurityContext { is_privileged: true, ..SecurityContext::default() };
        assert_eq!(
            check(&privileged, &strict).unwrap_err().target.as_deref(),
            Some("sc.privileged")
        );
        let open = Policy { allows_privileged: true, ..strict };
        assert_eq!(check(&privileged, &open), Ok(()));
    }
}
