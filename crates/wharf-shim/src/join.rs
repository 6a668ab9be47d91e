//! What happens in a process that joins a running container to run a command there.
//!
//! It is born in the container's PID namespace and unified cgroup, as a child of the shim. It takes
//! on everything else that the container's own process has: cgroups, namespaces, root, limits,
//! user, capabilities and filter, all as the bundle says that the container was started from.

use std::{
    fs::File,
    io::PipeWriter,
    os::fd::{AsFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sched::{CloneFlags, setns},
    unistd::Pid,
};
use oci_spec::runtime::Process;

use crate::{
    cgroup,
    execute::Filters,
    launch::{self, LaunchError},
    protocol::{Exec, Start},
    sys, terminal,
    userns::{self, UserNamespace},
};

/// The container to be joined.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    /// How it was started.
    pub(crate) start: &'a Start,
    /// Its first process.
    pub(crate) process: OwnedFd,
    /// In which namespaces that differs from the shim.
    pub(crate) namespaces: CloneFlags,
}

/// All namespaces that may differ but the one of PIDs, which a process is born into.
const KINDS: [(&str, CloneFlags); 6] = [
    ("user", CloneFlags::CLONE_NEWUSER),
    ("mnt", CloneFlags::CLONE_NEWNS),
    ("cgroup", CloneFlags::CLONE_NEWCGROUP),
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("uts", CloneFlags::CLONE_NEWUTS),
    ("net", CloneFlags::CLONE_NEWNET),
];

/// The namespaces in which a process differs from this one. `ENOENT` or `ESRCH`: it has ended.
pub(crate) fn differences(pid: Pid) -> Result<CloneFlags, Errno> {
    let mut found = CloneFlags::empty();
    for (name, flag) in KINDS {
        let of = |who: &str| nix::sys::stat::stat(format!("/proc/{who}/ns/{name}").as_str());
        let (own, other) = (of("self")?, of(&pid.to_string())?);
        found.set(flag, (own.st_dev, own.st_ino) != (other.st_dev, other.st_ino));
    }
    Ok(found)
}

/// Becomes the command: returns only if that fails.
pub(crate) fn join(
    target: &Target<'_>,
    exec: &Exec,
    descriptors: Vec<OwnedFd>,
    report: PipeWriter,
) -> (LaunchError, Option<File>) {
    let furnished = furnish(target, exec, &descriptors);
    drop(descriptors);
    launch::finish(furnished, report)
}

fn furnish(
    target: &Target<'_>,
    exec: &Exec,
    descriptors: &[OwnedFd],
) -> Result<(Process, Filters), LaunchError> {
    launch::detach().map_err(LaunchError::Detach)?;
    let (spec, filters) = launch::read_bundle(target.start)?;
    let mut process = spec.process().clone().ok_or(LaunchError::Incomplete("process"))?;
    process.set_args(Some(exec.args.clone()));
    process.set_env(Some(environment(process.env().clone().unwrap_or_default(), &exec.env)));
    for (_, directory) in cgroup::controller_directories(&target.start.cgroup) {
        cgroup::enter_alone(&directory).map_err(LaunchError::Cgroup)?;
    }
    sys::hide_from_others().map_err(LaunchError::Join)?;
    if exec.terminal.is_none() {
        let user = UserNamespace::wanted(&spec).map_err(LaunchError::User)?;
        let pipes: Vec<&OwnedFd> = descriptors.iter().collect();
        // They need not be pipes: what cannot change hands is used as it is.
        let _kept = userns::give_away(&spec, user.as_ref(), &pipes);
    }
    setns(&target.process, target.namespaces).map_err(LaunchError::Join)?;
    if target.namespaces.contains(CloneFlags::CLONE_NEWUSER) {
        userns::become_root().map_err(LaunchError::User)?;
    }
    match (exec.terminal, descriptors) {
        (Some(size), [socket]) => {
            let terminal = terminal::open(size, process.user().uid(), socket.as_fd())
                .map_err(LaunchError::Terminal)?;
            let fd = terminal.as_fd();
            launch::take_places(fd, fd, fd)
        }
        (None, [stdout, stderr]) => {
            let null = File::open("/dev/null")
                .map_err(|error| LaunchError::Descriptors(launch::errno(&error)))?;
            launch::take_places(null.as_fd(), stdout.as_fd(), stderr.as_fd())
        }
        (None, [stdout, stderr, stdin]) => {
            launch::take_places(stdin.as_fd(), stdout.as_fd(), stderr.as_fd())
        }
        _ => Err(Errno::EBADF),
    }
    .map_err(LaunchError::Descriptors)?;
    Ok((process, filters))
}

/// The last of a name counts.
fn environment(mut variables: Vec<String>, more: &[String]) -> Vec<String> {
    for pair in more {
        let name = pair.split_once('=').map_or(pair.as_str(), |(name, _)| name);
        variables.retain(|known| known.split_once('=').is_none_or(|(known, _)| known != name));
        variables.push(pair.clone());
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_replaced_and_not_repeated() {
        let known = ["A=1", "TERM=dumb", "TERMINAL=x"].map(str::to_owned).to_vec();
        let result = environment(known, &["TERM=xterm".to_owned(), "B=".to_owned()]);
        assert_eq!(result, ["A=1", "TERMINAL=x", "TERM=xterm", "B="]);
    }

    #[test]
    fn a_process_differs_from_itself_in_nothing() {
        assert_eq!(differences(nix::unistd::getpid()), Ok(CloneFlags::empty()));
        assert!(differences(Pid::from_raw(i32::MAX)).is_err());
    }
}
