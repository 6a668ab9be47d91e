//! Starting a shim.
//!
//! The network namespace goes in as standard input and word of readiness comes out of standard
//! output: descriptors that a child gets anyway, so nothing leaks into other children. The shim
//! runs in its directory and uses its files by relative names: if the directory is removed
//! meanwhile, and even made anew, a late shim fails instead of taking over its successor's place.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
    process::Stdio,
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err::tokio as fs;
use tokio::{io::AsyncReadExt, net::unix::pipe, process::Command, time::timeout};
use wharf_model::GroupId;
use wharf_shim::userns::{IdRange, Namespaces};

use super::{ShimError, Shims};

/// How long a shim may take to get ready.
const PATIENCE: Duration = Duration::from_secs(20);

/// Contents of the files in `/etc` that all containers of a group share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcFiles {
    /// `/etc/hosts`; containers can write to it.
    pub hosts: String,
    /// `/etc/resolv.conf`.
    pub resolv_conf: String,
}

impl Shims {
    /// Starts the group's shim in the given namespaces, with IPC and UTS namespaces of its
    /// own, and waits until it answers. There must be none, dead or alive.
    pub async fn spawn(
        &self,
        id: &GroupId,
        hostname: &str,
        namespaces: Namespaces,
        etc: &EtcFiles,
    ) -> Result<(), ShimError> {
        let sandbox = self.layout.sandbox(id);
        prepare(&sandbox.etc(), hostname, etc).await?;
        note(&sandbox.ids(), namespaces.ids).await?;
        let spawn_failed = |source| ShimError::Spawn { program: self.program.clone(), source };
        let (reader, writer) = io::pipe().map_err(spawn_failed)?;
        let mut child = Command::new(self.sealed_program())
            .arg0("wharf")
            .arg("shim")
            .args(["--data-dir", self.layout.data_dir.as_str()])
            .args(["--run-dir", self.layout.run_dir.as_str()])
            .args(["--instance", self.layout.instance.as_str()])
            .args(["--group", id.as_str()])
            .args(["--hostname", hostname])
            .env_clear()
            .current_dir(sandbox.dir())
            .stdin(Stdio::from(namespaces.network))
            .stdout(Stdio::from(OwnedFd::from(writer)))
            .stderr(Stdio::null())
            .spawn()
            .map_err(spawn_failed)?;
        let word = hear(reader.into()).await;
        // What was started only starts the shim proper and ends at once.
        child.wait().await.map_err(spawn_failed)?;
        match word {
            Ok(word) if word == "ready" => Ok(()),
            Ok(reason) => Err(ShimError::NotReady { id: id.clone(), reason }),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Err(ShimError::TimedOut { id: id.clone(), after: PATIENCE })
            }
            Err(source) => Err(ShimError::Talk { id: id.clone(), source }),
        }
    }
}

impl Shims {
    /// See [`wharf_shim::seal_program`]; a kernel that cannot do that (before 5.12) runs it as is.
    fn sealed_program(&self) -> String {
        if self.sealed.get().is_none() {
            match wharf_shim::seal_program(&self.program) {
                // If another thread was faster, its is as good.
                Ok(sealed) => drop(self.sealed.set(sealed)),
                Err(error) => tracing::warn!(%error, program = %self.program, "program not sealed"),
            }
        }
        match self.sealed.get() {
            Some(sealed) => format!("/proc/self/fd/{}", sealed.as_raw_fd()),
            None => self.program.to_string(),
        }
    }
}

/// Everything that is written to the pipe before its other ends are closed.
async fn hear(reader: OwnedFd) -> io::Result<String> {
    let mut pipe = pipe::Receiver::from_owned_fd(reader)?;
    let mut word = String::new();
    timeout(PATIENCE, pipe.read_to_string(&mut word)).await??;
    Ok(word)
}

async fn prepare(directory: &Utf8PathBuf, hostname: &str, etc: &EtcFiles) -> Result<(), ShimError> {
    let failed = |path: Utf8PathBuf| move |source| ShimError::Prepare { path, source };
    fs::create_dir_all(directory).await.map_err(failed(directory.clone()))?;
    let files = [
        ("hosts", etc.hosts.as_str()),
        ("hostname", &format!("{hostname}\n")),
        ("resolv.conf", &etc.resolv_conf),
    ];
    for (name, content) in files {
        let path = directory.join(name);
        fs::write(&path, content).await.map_err(failed(path))?;
    }
    Ok(())
}

/// Which users of the host the group's are, for those who write bundles.
async fn note(path: &Utf8Path, ids: Option<IdRange>) -> Result<(), ShimError> {
    let noted = match ids {
        Some(ids) => fs::write(path, ids.to_string()).await,
        None => match fs::remove_file(path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        },
    };
    noted.map_err(|source| ShimError::Prepare { path: path.to_owned(), source })
}
