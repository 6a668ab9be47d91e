//! The last steps inside a container: giving up rights and becoming its program.

use std::{ffi::CString, io};

use camino::Utf8Path;
use fs_err as fs;
use nix::{
    errno::Errno,
    sys::{
        prctl::set_no_new_privs,
        resource::{Resource, setrlimit},
    },
    unistd::{Gid, Uid, execve, fchdir, setgroups, setresgid, setresuid},
};
use oci_spec::runtime::{Capabilities, Capability, PosixRlimitType, Process};

use crate::{inside::Root, sys};

/// A step that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecuteError {
    /// A limit cannot be set.
    #[error("set resource limits")]
    Limits(#[source] Errno),
    /// The working directory cannot be entered.
    #[error("enter working directory {path}")]
    WorkingDir {
        /// Inside the container.
        path: String,
        /// Why.
        #[source]
        source: Errno,
    },
    /// The user cannot be changed.
    #[error("change user")]
    User(#[source] Errno),
    /// Rights cannot be given up; with too many of them nothing is started.
    #[error("drop capabilities")]
    Capabilities(#[source] Errno),
    /// The filter cannot be put in force; without it nothing is started.
    #[error("load seccomp filter")]
    Filter(#[source] Errno),
    /// There is no filter.
    #[error("read seccomp filter")]
    NoFilter(#[source] io::Error),
    /// The program cannot be executed.
    #[error("cannot execute \"{program}\"")]
    Program {
        /// As written.
        program: String,
        /// Why.
        #[source]
        source: Errno,
    },
}

impl ExecuteError {
    /// As a shell would say. 127: there is no such program; 126: it cannot be executed.
    pub(crate) fn exit_code(&self) -> i32 {
        match self {
            Self::Program { source: Errno::ENOENT | Errno::ENOTDIR, .. } => 127,
            Self::Program { .. } => 126,
            Self::Limits(_)
            | Self::WorkingDir { .. }
            | Self::User(_)
            | Self::Capabilities(_)
            | Self::Filter(_)
            | Self::NoFilter(_) => 128,
        }
    }
}

/// Compiled system call filters, in the order in which they are put in force: the last one may
/// forbid that any more is.
#[derive(Debug)]
pub(crate) struct Filters(Vec<Vec<u8>>);

impl Filters {
    /// Those of a bundle: one always, and a second one that only takes away.
    pub(crate) fn read(bundle: &Utf8Path) -> Result<Self, ExecuteError> {
        let mut filters =
            vec![fs::read(bundle.join("seccomp.bpf")).map_err(ExecuteError::NoFilter)?];
        match fs::read(bundle.join("seccomp-own.bpf")) {
            Ok(own) => filters.push(own),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(ExecuteError::NoFilter(error)),
        }
        Ok(Self(filters))
    }

    fn load(&self) -> Result<(), ExecuteError> {
        self.0.iter().try_for_each(|filter| sys::load_filter(filter)).map_err(ExecuteError::Filter)
    }
}

/// Sets limits, directory, user and rights. Afterwards there is no way back.
pub(crate) fn humble(process: &Process, filters: &Filters) -> Result<(), ExecuteError> {
    for limit in process.rlimits().iter().flatten() {
        if let Some(resource) = resource(limit.typ()) {
            setrlimit(resource, limit.soft(), limit.hard()).map_err(ExecuteError::Limits)?;
        }
    }
    enter_directory(process).map_err(|source| {
        let path = process.cwd().to_string_lossy().into_owned();
        ExecuteError::WorkingDir { path, source }
    })?;
    let none = Capabilities::new();
    let set = |which: Option<&Capabilities>| bits(which.unwrap_or(&none));
    let capabilities = process.capabilities().as_ref();
    let bounding = set(capabilities.and_then(|all| all.bounding().as_ref()));
    let held = set(capabilities.and_then(|all| all.effective().as_ref()));
    bound(bounding).map_err(ExecuteError::Capabilities)?;
    if may_escalate(process) {
        // Without the promise to gain no rights a filter needs rights that are given up below.
        filters.load()?;
    }
    change_user(process).map_err(ExecuteError::User)?;
    sys::set_capabilities(held).map_err(ExecuteError::Capabilities)?;
    if !may_escalate(process) {
        set_no_new_privs().map_err(ExecuteError::Capabilities)?;
    }
    Ok(())
}

fn may_escalate(process: &Process) -> bool {
    process.no_new_privileges() == Some(false)
}

/// The limits that a bundle may set; others are inherited.
fn resource(kind: PosixRlimitType) -> Option<Resource> {
    match kind {
        PosixRlimitType::RlimitNofile => Some(Resource::RLIMIT_NOFILE),
        PosixRlimitType::RlimitNproc => Some(Resource::RLIMIT_NPROC),
        PosixRlimitType::RlimitCore => Some(Resource::RLIMIT_CORE),
        PosixRlimitType::RlimitMemlock => Some(Resource::RLIMIT_MEMLOCK),
        _ => None,
    }
}

/// By descriptor and without magic links: `/proc/self/fd/…` as a working directory leads nowhere.
fn enter_directory(process: &Process) -> Result<(), Errno> {
    let path = Utf8Path::from_path(process.cwd()).ok_or(Errno::EILSEQ)?;
    let directory = Root::open("/".into())?.find(path)?;
    fchdir(&directory)
}

fn change_user(process: &Process) -> Result<(), Errno> {
    let user = process.user();
    let groups: Vec<Gid> =
        user.additional_gids().iter().flatten().map(|gid| Gid::from_raw(*gid)).collect();
    let (uid, gid) = (Uid::from_raw(user.uid()), Gid::from_raw(user.gid()));
    setgroups(&groups)?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)
}

/// Takes away for good all capabilities that are not in the set.
fn bound(kept: u64) -> Result<(), Errno> {
    for capability in (0..=sys::LAST_CAPABILITY).filter(|number| kept & (1 << number) == 0) {
        match sys::drop_from_bounding_set(capability) {
            Ok(()) => {}
            // The kernel knows no more.
            Err(Errno::EINVAL) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn bits(capabilities: &Capabilities) -> u64 {
    capabilities.iter().fold(0, |all, one| all | 1 << number(*one))
}

/// The kernel's number (`linux/capability.h`).
fn number(capability: Capability) -> u32 {
    match capability {
        Capability::Chown => 0,
        Capability::DacOverride => 1,
        Capability::DacReadSearch => 2,
        Capability::Fowner => 3,
        Capability::Fsetid => 4,
        Capability::Kill => 5,
        Capability::Setgid => 6,
        Capability::Setuid => 7,
        Capability::Setpcap => 8,
        Capability::LinuxImmutable => 9,
        Capability::NetBindService => 10,
        Capability::NetBroadcast => 11,
        Capability::NetAdmin => 12,
        Capability::NetRaw => 13,
        Capability::IpcLock => 14,
        Capability::IpcOwner => 15,
        Capability::SysModule => 16,
        Capability::SysRawio => 17,
        Capability::SysChroot => 18,
        Capability::SysPtrace => 19,
        Capability::SysPacct => 20,
        Capability::SysAdmin => 21,
        Capability::SysBoot => 22,
        Capability::SysNice => 23,
        Capability::SysResource => 24,
        Capability::SysTime => 25,
        Capability::SysTtyConfig => 26,
        Capability::Mknod => 27,
        Capability::Lease => 28,
        Capability::AuditWrite => 29,
        Capability::AuditControl => 30,
        Capability::Setfcap => 31,
        Capability::MacOverride => 32,
        Capability::MacAdmin => 33,
        Capability::Syslog => 34,
        Capability::WakeAlarm => 35,
        Capability::BlockSuspend => 36,
        Capability::AuditRead => 37,
        Capability::Perfmon => 38,
        Capability::Bpf => 39,
        Capability::CheckpointRestore => 40,
    }
}

/// Puts the filters in force, unless they are, and becomes the program; returns only if that fails.
pub(crate) fn become_program(process: &Process, filters: &Filters) -> ExecuteError {
    if !may_escalate(process)
        && let Err(error) = filters.load()
    {
        return error;
    }
    let none = Vec::new();
    let args = process.args().as_ref().unwrap_or(&none);
    let variables = process.env().as_ref().unwrap_or(&none);
    let program = args.first().cloned().unwrap_or_default();
    let source = execute(&program, args, variables);
    ExecuteError::Program { program, source }
}

/// Searches `PATH` like a shell, but never tries a shell itself.
fn execute(program: &str, args: &[String], variables: &[String]) -> Errno {
    let c_strings = |texts: &[String]| -> Result<Vec<CString>, Errno> {
        texts.iter().map(|t| CString::new(t.as_str()).map_err(|_| Errno::EINVAL)).collect()
    };
    let (args, c_variables) = match (c_strings(args), c_strings(variables)) {
        (Ok(args), Ok(variables)) => (args, variables),
        (Err(error), _) | (_, Err(error)) => return error,
    };
    let try_path = |path: String| match CString::new(path) {
        Ok(path) => match execve(&path, &args, &c_variables) {
            Ok(never) => match never {},
            Err(error) => error,
        },
        Err(_) => Errno::EINVAL,
    };
    if program.is_empty() {
        return Errno::ENOENT;
    }
    if program.contains('/') {
        return try_path(program.to_owned());
    }
    let mut worst = Errno::ENOENT;
    let path = variables.iter().find_map(|pair| pair.strip_prefix("PATH=")).unwrap_or_default();
    for directory in path.split(':') {
        let directory = if directory.is_empty() { "." } else { directory };
        match try_path(format!("{directory}/{program}")) {
            Errno::ENOENT | Errno::ENOTDIR => {}
            Errno::EACCES => worst = Errno::EACCES,
            error => return error,
        }
    }
    worst
}
