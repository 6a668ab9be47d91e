//! What happens in the child that makes a container, up to the container's program running.

use std::{
    error::Error as _,
    io::{self, PipeWriter},
    os::fd::{AsRawFd, OwnedFd},
};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use jiff::Timestamp;
use libcontainer::{
    container::builder::ContainerBuilder, error::LibcontainerError, syscall::syscall::SyscallType,
};
use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::{
        stat::{Mode, mkdirat},
        wait::waitpid,
    },
    unistd::Pid,
};
use oci_spec::runtime::Spec;
use wharf_model::clock::{Clock, SystemClock};

use crate::{
    cgroup::{self, CgroupError},
    create::read_to_end,
    execute::{Execute, ExecuteError},
    protocol::{Rootfs, Start},
};

/// A container that could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    /// Signals cannot be set to their defaults.
    #[error("reset signals")]
    Signals(#[source] Errno),
    /// Its cgroup cannot be made.
    #[error("prepare cgroup")]
    Cgroup(#[source] CgroupError),
    /// There can be no namespace for its mounts.
    #[error("make mount namespace")]
    Namespace(#[source] Errno),
    /// A layer or the writable directory cannot be opened.
    #[error("open {path}")]
    Layer {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The layers cannot be put together.
    #[error("mount root file system")]
    Overlay(#[source] Errno),
    /// The bundle has no readable `config.json`.
    #[error("read {path}")]
    Config {
        /// Which file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: oci_spec::OciSpecError,
    },
    /// The working directory cannot be made.
    #[error("make working directory {path}")]
    WorkingDir {
        /// Inside the container.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: Errno,
    },
    /// What an earlier run left cannot be removed.
    #[error("remove {path}")]
    Leftover {
        /// Which directory.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There can be no pipe.
    #[error("make pipe")]
    Pipe(#[source] io::Error),
    /// The OCI library failed.
    #[error("create container")]
    Create(#[source] LibcontainerError),
    /// The library made something without a process.
    #[error("container has no process")]
    NoProcess,
    /// The program cannot be executed.
    #[error(transparent)]
    Execute(ExecuteError),
}

impl LaunchError {
    /// The exit code that a shell would give.
    pub(crate) fn exit_code(&self) -> i32 {
        match self {
            Self::Execute(error) => error.exit_code(),
            Self::Signals(_)
            | Self::Cgroup(_)
            | Self::Namespace(_)
            | Self::Layer { .. }
            | Self::Overlay(_)
            | Self::Config { .. }
            | Self::WorkingDir { .. }
            | Self::Leftover { .. }
            | Self::Pipe(_)
            | Self::Create(_)
            | Self::NoProcess => 128,
        }
    }

    /// One line with all causes. The library repeats itself; so does not this.
    pub(crate) fn to_user(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let next = error.to_string();
            if !text.contains(&next) {
                text.push_str(": ");
                text.push_str(&next);
            }
            cause = error.source();
        }
        text
    }
}

/// Makes the container and starts its program; returns its first process and when it was let go.
pub(crate) fn launch(
    start: &Start,
    stdout: OwnedFd,
    stderr: OwnedFd,
) -> Result<(u32, Timestamp), LaunchError> {
    cgroup::enter(&start.cgroup, std::process::id()).map_err(LaunchError::Cgroup)?;
    unshare(CloneFlags::CLONE_NEWNS).map_err(LaunchError::Namespace)?;
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).map_err(LaunchError::Namespace)?;
    let target = start.bundle.join("rootfs");
    mount_rootfs(&start.rootfs, &target)?;
    ensure_working_dir(&start.bundle, &target)?;

    let name = start.key.name.as_str();
    let state = start.oci_state.join(name);
    remove_leftover(&state)?;
    let (failure, failure_writer) = io::pipe().map_err(LaunchError::Pipe)?;
    let executor = Execute::reporting_to(failure_writer.as_raw_fd());
    let mut container = ContainerBuilder::new(name.to_owned(), SyscallType::default())
        .with_root_path(&start.oci_state)
        .map_err(LaunchError::Create)?
        .with_executor(executor)
        .with_stdout(stdout)
        .with_stderr(stderr)
        .as_init(&start.bundle)
        .with_systemd(false)
        .with_detach(true)
        .build()
        .map_err(LaunchError::Create)?;
    let pid = container.pid().ok_or(LaunchError::NoProcess)?;
    cgroup::forbid_tunnels(&start.cgroup);
    let at = SystemClock.now();
    container.start().map_err(LaunchError::Create)?;
    await_execution(failure, failure_writer, pid.as_raw())?;
    Ok((u32::try_from(pid.as_raw()).map_err(|_| LaunchError::NoProcess)?, at))
}

/// The write end closes without a word when the program is executed, in the container and here.
fn await_execution(
    failure: io::PipeReader,
    writer: PipeWriter,
    pid: i32,
) -> Result<(), LaunchError> {
    drop(writer);
    let word = read_to_end(failure).map_err(LaunchError::Pipe)?;
    match ExecuteError::from_bytes(&word) {
        None => Ok(()),
        Some(error) => {
            // So that its cgroup is empty when the failure is known.
            let _status = waitpid(Pid::from_raw(pid), None);
            Err(LaunchError::Execute(error))
        }
    }
}

/// Mounts the layers. They are named by descriptors: paths could be too many for one page, which
/// is what the kernel takes, and could hold separators.
fn mount_rootfs(rootfs: &Rootfs, target: &Utf8Path) -> Result<(), LaunchError> {
    let open = |path: &Utf8PathBuf| {
        let file = fs::OpenOptions::new().read(true).open(path);
        file.map_err(|source| LaunchError::Layer { path: path.clone(), source })
    };
    let lower: Result<Vec<fs::File>, LaunchError> = rootfs.lower.iter().map(open).collect();
    let lower = lower?;
    let (upper, work) = (open(&rootfs.upper)?, open(&rootfs.work)?);
    let name = |file: &fs::File| format!("/proc/self/fd/{}", file.as_raw_fd());
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.iter().map(name).collect::<Vec<_>>().join(":"),
        name(&upper),
        name(&work),
    );
    // Where nothing controls the use of device files, there are none.
    let flags = if cgroup::is_unified() { MsFlags::MS_NODEV } else { MsFlags::empty() };
    mount(Some("overlay"), target.as_std_path(), Some("overlay"), flags, Some(options.as_str()))
        .map_err(LaunchError::Overlay)
}

/// Makes the working directory as containerd does, following the image's links inside its root.
fn ensure_working_dir(bundle: &Utf8Path, rootfs: &Utf8Path) -> Result<(), LaunchError> {
    let path = bundle.join("config.json");
    let spec = Spec::load(&path).map_err(|source| LaunchError::Config { path, source })?;
    let Some(cwd) = spec.process().as_ref().and_then(|p| Utf8Path::from_path(p.cwd())) else {
        return Ok(());
    };
    let failed = |source| LaunchError::WorkingDir { path: cwd.to_owned(), source };
    let root = fs::File::open(rootfs)
        .map_err(|source| LaunchError::Layer { path: rootfs.to_owned(), source })?;
    let open = |path: &Utf8Path| {
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_DIRECTORY)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        openat2(&root, path.as_std_path(), how)
    };
    if open(cwd).is_ok() {
        return Ok(());
    }
    let mut parent = Utf8PathBuf::from("/");
    for part in cwd.components().filter(|part| *part != camino::Utf8Component::RootDir) {
        let directory = open(&parent).map_err(failed)?;
        match mkdirat(&directory, part.as_str(), Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(failed(error)),
        }
        parent.push(part);
    }
    Ok(())
}

fn remove_leftover(path: &Utf8Path) -> Result<(), LaunchError> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(LaunchError::Leftover { path: path.to_owned(), source }),
    }
}
