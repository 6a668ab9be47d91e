//! The system calls that containers may make.
//!
//! The profile `seccomp.json` is that of containers/common (Apache-2.0), which Podman and CRI-O
//! ship, narrowed to Docker's where it was wider (namespaces, mounts, keyrings, `AF_VSOCK`) and
//! with the harmless system calls of newer kernels. It is data; here its conditions on
//! architecture and capabilities are decided and the rest is compiled, once in the life of the
//! daemon: it takes longer than all other work on a container together.

use std::{
    collections::{BTreeMap, HashSet},
    io::{self, Read, Seek},
    sync::{Arc, Mutex, PoisonError},
};

use fs_err as fs;
use libseccomp::{
    ScmpAction, ScmpArch, ScmpArgCompare, ScmpCompareOp, ScmpFilterContext, ScmpSyscall,
    error::SeccompError,
};
use nix::sys::memfd::{MFdFlags, memfd_create};
use oci_spec::runtime::{
    Arch, LinuxSeccompAction as Action, LinuxSeccompArg, LinuxSeccompOperator as Operator,
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
    /// It has something that this module does not know.
    #[error("profile has unknown {0}")]
    Unknown(String),
    /// The compiler refuses it.
    #[error("compile filter")]
    Compile(#[source] SeccompError),
    /// The compiled filter cannot be had.
    #[error("read compiled filter")]
    Export(#[source] io::Error),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: Action,
    default_errno_ret: Option<u32>,
    #[serde(default)]
    arch_map: Vec<ArchMap>,
    #[serde(default)]
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
    #[serde(default)]
    names: Vec<String>,
    /// How profiles of old name a single one.
    name: Option<String>,
    action: Action,
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

/// The architecture's names: in conditions (Go's) and in the profile's table.
fn machine() -> Result<(&'static str, Arch), ProfileError> {
    match std::env::consts::ARCH {
        "x86_64" => Ok(("amd64", Arch::ScmpArchX86_64)),
        "aarch64" => Ok(("arm64", Arch::ScmpArchAarch64)),
        other => Err(ProfileError::Architecture(other)),
    }
}

/// Compiled filters that are kept; containers with other rights than most are few.
const KEPT: usize = 16;

/// The compiled filter for containers with these capabilities: what `seccomp(2)` takes.
pub(super) fn filter(caps: &[&'static str]) -> Result<Arc<[u8]>, BundleError> {
    static COMPILED: Mutex<BTreeMap<Vec<&'static str>, Arc<[u8]>>> = Mutex::new(BTreeMap::new());
    let lock = || COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(filter) = lock().get(caps) {
        return Ok(Arc::clone(filter));
    }
    let profile = parse(PROFILE);
    let filter = profile.and_then(|profile| compile(&profile, &select(&profile, caps)?));
    let filter: Arc<[u8]> = filter.map_err(BundleError::Seccomp)?.into();
    let mut compiled = lock();
    if compiled.len() == KEPT {
        compiled.clear();
    }
    compiled.insert(caps.to_vec(), Arc::clone(&filter));
    Ok(filter)
}

/// The compiled filter of a user's own profile, in Docker's form. It is put in force on top of the
/// usual one, so that it can only take away.
pub(super) fn custom(text: &str) -> Result<Vec<u8>, ProfileError> {
    let mut profile = parse(text)?;
    if profile.arch_map.is_empty() {
        profile.arch_map = parse(PROFILE)?.arch_map;
    }
    compile(&profile, &select(&profile, &[])?)
}

/// A filter that allows everything, for privileged containers.
pub(super) fn unconfined() -> Result<Arc<[u8]>, BundleError> {
    let allow = ScmpFilterContext::new(ScmpAction::Allow).map_err(ProfileError::Compile);
    let filter = allow.and_then(|context| export(&context)).map_err(BundleError::Seccomp)?;
    Ok(filter.into())
}

fn parse(text: &str) -> Result<Profile, ProfileError> {
    serde_json::from_str(text).map_err(ProfileError::Parse)
}

/// The rules of a profile that apply here.
fn select<'a>(profile: &'a Profile, caps: &[&str]) -> Result<Vec<&'a Rule>, ProfileError> {
    let (go_arch, _) = machine()?;
    let caps: HashSet<&str> = caps.iter().copied().collect();
    let applies = |rule: &&Rule| {
        let has_arch = |condition: &Condition| condition.arches.iter().any(|a| a == go_arch);
        let has = |cap: &String| caps.contains(cap.strip_prefix("CAP_").unwrap_or(cap));
        (rule.includes.arches.is_empty() || has_arch(&rule.includes))
            && rule.includes.caps.iter().all(has)
            && !has_arch(&rule.excludes)
            && !rule.excludes.caps.iter().any(has)
    };
    Ok(profile.syscalls.iter().filter(applies).collect())
}

fn compile(profile: &Profile, rules: &[&Rule]) -> Result<Vec<u8>, ProfileError> {
    let default = action(profile.default_action, profile.default_errno_ret)?;
    let mut context = ScmpFilterContext::new(default).map_err(ProfileError::Compile)?;
    let (_, native) = machine()?;
    let map = profile.arch_map.iter().find(|map| map.architecture == native);
    for arch in map.iter().flat_map(|map| &map.sub_architectures).chain([&native]) {
        context.add_arch(architecture(*arch)?).map_err(ProfileError::Compile)?;
    }
    // A tree of comparisons and not a list: the filter runs at every system call.
    context.set_ctl_optimize(2).map_err(ProfileError::Compile)?;
    for rule in rules {
        let action = action(rule.action, rule.errno_ret)?;
        let conditions: Vec<ScmpArgCompare> = rule.args.iter().flatten().map(comparison).collect();
        // A name that the compiler does not know is a system call it cannot tell from others:
        // the default applies. A rule that says the default says nothing.
        let names = rule.names.iter().chain(&rule.name);
        let known = names.filter_map(|name| ScmpSyscall::from_name(name).ok());
        for syscall in known.filter(|_| action != default) {
            context
                .add_rule_conditional(action, syscall, &conditions)
                .map_err(ProfileError::Compile)?;
        }
    }
    export(&context)
}

fn export(context: &ScmpFilterContext) -> Result<Vec<u8>, ProfileError> {
    let failed = ProfileError::Export;
    let memory = memfd_create("seccomp", MFdFlags::MFD_CLOEXEC).map_err(|e| failed(e.into()))?;
    context.export_bpf(&memory).map_err(ProfileError::Compile)?;
    let mut file = fs::File::from_parts(memory.into(), "compiled filter");
    file.rewind().map_err(failed)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn architecture(arch: Arch) -> Result<ScmpArch, ProfileError> {
    match arch {
        Arch::ScmpArchX86_64 => Ok(ScmpArch::X8664),
        Arch::ScmpArchX86 => Ok(ScmpArch::X86),
        Arch::ScmpArchX32 => Ok(ScmpArch::X32),
        Arch::ScmpArchAarch64 => Ok(ScmpArch::Aarch64),
        Arch::ScmpArchArm => Ok(ScmpArch::Arm),
        other => Err(ProfileError::Unknown(format!("architecture {other:?}"))),
    }
}

fn action(action: Action, errno: Option<u32>) -> Result<ScmpAction, ProfileError> {
    match action {
        Action::ScmpActAllow => Ok(ScmpAction::Allow),
        Action::ScmpActErrno => {
            let errno = errno.and_then(|errno| i32::try_from(errno).ok());
            Ok(ScmpAction::Errno(errno.unwrap_or(nix::libc::EPERM)))
        }
        Action::ScmpActKill | Action::ScmpActKillThread => Ok(ScmpAction::KillThread),
        Action::ScmpActKillProcess => Ok(ScmpAction::KillProcess),
        Action::ScmpActTrap => Ok(ScmpAction::Trap),
        Action::ScmpActLog => Ok(ScmpAction::Log),
        // There is nobody to ask.
        Action::ScmpActTrace | Action::ScmpActNotify => {
            Err(ProfileError::Unknown(format!("action {action}")))
        }
    }
}

fn comparison(arg: &LinuxSeccompArg) -> ScmpArgCompare {
    let (operator, value) = match arg.op() {
        Operator::ScmpCmpNe => (ScmpCompareOp::NotEqual, arg.value()),
        Operator::ScmpCmpLt => (ScmpCompareOp::Less, arg.value()),
        Operator::ScmpCmpLe => (ScmpCompareOp::LessOrEqual, arg.value()),
        Operator::ScmpCmpEq => (ScmpCompareOp::Equal, arg.value()),
        Operator::ScmpCmpGe => (ScmpCompareOp::GreaterEqual, arg.value()),
        Operator::ScmpCmpGt => (ScmpCompareOp::Greater, arg.value()),
        // The first value is the mask, the second what must remain.
        Operator::ScmpCmpMaskedEq => {
            (ScmpCompareOp::MaskedEqual(arg.value()), arg.value_two().unwrap_or(0))
        }
    };
    let index = u32::try_from(arg.index()).unwrap_or(u32::MAX);
    ScmpArgCompare::new(index, operator, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(caps: &[&str]) -> HashSet<String> {
        let profile = parse(PROFILE).unwrap();
        let rules = select(&profile, caps).unwrap();
        let allowing = rules.into_iter().filter(|rule| rule.action == Action::ScmpActAllow);
        allowing.flat_map(|rule| rule.names.clone()).collect()
    }

    #[test]
    fn what_is_not_allowed_fails() {
        let allowed = allowed(&["SYS_CHROOT"]);
        for name in ["read", "write", "execve", "clone", "chroot", "futex", "socket"] {
            assert!(allowed.contains(name), "{name}");
        }
        for name in ["bpf", "init_module", "kexec_load", "mount", "unshare", "clone3", "keyctl"] {
            assert!(!allowed.contains(name), "{name}");
        }
    }

    #[test]
    fn capabilities_open_what_they_are_for() {
        assert!(!allowed(&[]).contains("chroot"));
        assert!(allowed(&["SYS_ADMIN"]).contains("bpf"));
    }

    #[test]
    fn the_profile_compiles_for_this_machine() {
        let filter = filter(&["SYS_CHROOT"]).unwrap();
        assert_eq!(filter.len() % 8, 0);
        let instructions = filter.len() / 8;
        assert!((500..4096).contains(&instructions), "{instructions} instructions");
    }

    #[test]
    fn a_profile_of_ones_own_is_compiled_or_refused_with_a_reason() {
        let rule = r#"{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":13}"#;
        let profile = format!(r#"{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{rule}]}}"#);
        assert!(custom(&profile).unwrap().len() > 8);
        for bad in [
            r#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#,
            r#"{"defaultAction":"SCMP_ACT_WHATEVER"}"#,
            r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":7}"#,
        ] {
            assert!(custom(bad).is_err(), "{bad}");
        }
    }
}
