//! The system calls that containers may make.
//!
//! The profile `seccomp.json` is that of containers/common (Apache-2.0), which Podman and CRI-O
//! ship, narrowed to Docker's where it was wider (namespaces, mounts, keyrings, `AF_VSOCK`) and
//! with the harmless system calls of newer kernels. It is data; here its conditions on
//! architecture and capabilities are decided, which leaves a filter in the form of the OCI
//! runtime specification.

use std::{collections::HashSet, sync::OnceLock};

use oci_spec::{
    OciSpecError,
    runtime::{
        Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompBuilder, LinuxSyscall,
        LinuxSyscallBuilder,
    },
};
use serde::Deserialize;

use super::BundleError;

const PROFILE: &str = include_str!("seccomp.json");

/// A built-in profile that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// It is not what it should be.
    #[error("parse profile")]
    Parse(#[source] serde_json::Error),
    /// It knows nothing about this machine.
    #[error("profile has no architecture {0}")]
    Architecture(&'static str),
    /// A rule is not valid.
    #[error("build filter")]
    Build(#[source] OciSpecError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: LinuxSeccompAction,
    default_errno_ret: Option<u32>,
    arch_map: Vec<ArchMap>,
    syscalls: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArchMap {
    architecture: Arch,
    #[serde(default)]
    sub_architectures: Vec<Arch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    names: Vec<String>,
    action: LinuxSeccompAction,
    errno_ret: Option<u32>,
    #[serde(default)]
    args: Option<Vec<LinuxSeccompArg>>,
    #[serde(default)]
    includes: Condition,
    #[serde(default)]
    excludes: Condition,
}

#[derive(Default, Deserialize)]
struct Condition {
    #[serde(default)]
    arches: Vec<String>,
    #[serde(default)]
    caps: Vec<String>,
}

/// The architecture's names in the profile: for conditions (Go's) and for filters.
fn machine() -> Result<(&'static str, Arch), ProfileError> {
    match std::env::consts::ARCH {
        "x86_64" => Ok(("amd64", Arch::ScmpArchX86_64)),
        "aarch64" => Ok(("arm64", Arch::ScmpArchAarch64)),
        other => Err(ProfileError::Architecture(other)),
    }
}

/// The filter for containers with these capabilities, built once.
pub(super) fn filter(caps: &[&str]) -> Result<LinuxSeccomp, BundleError> {
    static BUILT: OnceLock<(Vec<String>, LinuxSeccomp)> = OnceLock::new();
    if let Some((for_caps, filter)) = BUILT.get()
        && for_caps == caps
    {
        return Ok(filter.clone());
    }
    let filter = build(caps).map_err(BundleError::Seccomp)?;
    let names = caps.iter().map(|cap| (*cap).to_owned()).collect();
    // Another thread may have been faster; the result is the same.
    drop(BUILT.set((names, filter.clone())));
    Ok(filter)
}

fn build(caps: &[&str]) -> Result<LinuxSeccomp, ProfileError> {
    let profile: Profile = serde_json::from_str(PROFILE).map_err(ProfileError::Parse)?;
    let (go_arch, arch) = machine()?;
    let mut architectures = vec![arch];
    let map = profile.arch_map.iter().find(|map| map.architecture == arch);
    architectures.extend(map.iter().flat_map(|map| &map.sub_architectures));
    let caps: HashSet<&str> = caps.iter().copied().collect();
    let applies = |rule: &&Rule| {
        let has_arch = |condition: &Condition| condition.arches.iter().any(|a| a == go_arch);
        let has = |cap: &String| caps.contains(cap.as_str());
        (rule.includes.arches.is_empty() || has_arch(&rule.includes))
            && rule.includes.caps.iter().all(has)
            && !has_arch(&rule.excludes)
            && !rule.excludes.caps.iter().any(has)
    };
    let syscalls: Result<Vec<LinuxSyscall>, OciSpecError> =
        profile.syscalls.iter().filter(applies).map(translate).collect();
    let mut filter = LinuxSeccompBuilder::default()
        .default_action(profile.default_action)
        .architectures(architectures)
        .syscalls(syscalls.map_err(ProfileError::Build)?)
        .build()
        .map_err(ProfileError::Build)?;
    filter.set_default_errno_ret(profile.default_errno_ret);
    Ok(filter)
}

fn translate(rule: &Rule) -> Result<LinuxSyscall, OciSpecError> {
    let mut syscall =
        LinuxSyscallBuilder::default().names(rule.names.clone()).action(rule.action).build()?;
    syscall.set_errno_ret(rule.errno_ret);
    syscall.set_args(rule.args.clone().filter(|args| !args.is_empty()));
    Ok(syscall)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(filter: &LinuxSeccomp) -> HashSet<&str> {
        let rules = filter.syscalls().iter().flatten();
        rules
            .filter(|rule| rule.action() == LinuxSeccompAction::ScmpActAllow)
            .flat_map(|rule| rule.names().iter().map(String::as_str))
            .collect()
    }

    #[test]
    fn what_is_not_allowed_fails() {
        let filter = build(&["CAP_SYS_CHROOT"]).unwrap();
        assert_eq!(filter.default_action(), LinuxSeccompAction::ScmpActErrno);
        let allowed = allowed(&filter);
        for name in ["read", "write", "execve", "clone", "chroot", "futex"] {
            assert!(allowed.contains(name), "{name}");
        }
        for name in ["bpf", "init_module", "kexec_load", "mount", "unshare", "clone3"] {
            assert!(!allowed.contains(name), "{name}");
        }
    }

    #[test]
    fn capabilities_open_what_they_are_for() {
        assert!(!allowed(&build(&[]).unwrap()).contains("chroot"));
        assert!(allowed(&build(&["CAP_SYS_ADMIN"]).unwrap()).contains("bpf"));
    }
}
