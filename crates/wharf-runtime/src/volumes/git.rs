//! A working copy of somebody's repository, by the host's `git`.
//!
//! What is cloned is hostile until shown otherwise (CVE-2024-10220: a hook in a submodule ran as
//! root on the nodes of Kubernetes). So git runs confined ([`wharf_shim::confine`]) as `nobody`,
//! reads no configuration but what stands here, speaks nothing but HTTP, follows no submodule, runs
//! no hook and no helper, and is killed when it takes too long or too much room. User and token
//! reach it by its environment and never a disk.

use std::{
    io,
    os::unix::fs::{MetadataExt as _, lchown},
    process::Stdio,
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use sha2::{Digest as _, Sha256};
use tokio::{io::AsyncReadExt as _, process::Command, time};
use wharf_model::spec::GitRepo;
use wharf_shim::confine::NOBODY;

/// How long one clone may take.
const TIME_MAX: Duration = Duration::from_mins(10);
/// How much it may take on the disk.
const BYTES_MAX: u64 = 8 << 30;
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// What of its complaints is kept.
const COMPLAINT_MAX: u64 = 16 << 10;

/// Instead of any configuration of host or user.
const SETTINGS: [&str; 17] = [
    "protocol.allow=never",
    "protocol.http.allow=always",
    "protocol.https.allow=always",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=",
    "core.attributesFile=/dev/null",
    "core.sshCommand=false",
    "credential.helper=",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "pack.threads=1",
    "advice.detachedHead=false",
    "http.lowSpeedLimit=100",
    "http.lowSpeedTime=60",
];

/// A clone that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The directory cannot be made, given away or put in its place.
    #[error("prepare {path}")]
    Prepare {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The program cannot be run.
    #[error("run git")]
    Run(#[source] io::Error),
    /// It failed.
    #[error("git {verb} failed: {reason}")]
    Failed {
        /// `clone` or `checkout`.
        verb: &'static str,
        /// What it said, without user and token.
        reason: String,
    },
    /// It took too long.
    #[error("git did not end in {} s", TIME_MAX.as_secs())]
    TooLong,
    /// It took too much room.
    #[error("the repository is larger than {} GiB", BYTES_MAX >> 30)]
    TooLarge,
}

/// What distinguishes one wish from another, for names of directories.
pub fn fingerprint(repo: &GitRepo) -> String {
    let revision = repo.revision.as_deref().unwrap_or_default();
    let digest = Sha256::new()
        .chain_update(&repo.repository)
        .chain_update([0])
        .chain_update(&repo.directory)
        .chain_update([0])
        .chain_update(revision)
        .finalize();
    digest[..6].iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Where a clone is made before it is put in its place: an empty directory of `nobody`.
pub fn stage(target: &Utf8Path) -> Result<Utf8PathBuf, GitError> {
    let stage = Utf8PathBuf::from(format!("{target}.part"));
    let failed = |source| GitError::Prepare { path: stage.clone(), source };
    match fs::remove_dir_all(&stage) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    fs::create_dir_all(&stage).map_err(failed)?;
    lchown(&stage, Some(NOBODY), Some(NOBODY)).map_err(failed)?;
    Ok(stage)
}

/// Clones into the stage and puts that where the volume is. `program` is the `wharf` binary.
pub async fn clone(
    program: &Utf8Path,
    repo: &GitRepo,
    stage: &Utf8Path,
    target: &Utf8Path,
) -> Result<(), GitError> {
    let git = Git { program, repo, stage };
    let work = async {
        let mut args = vec!["clone", "--quiet", "--template=", "--no-recurse-submodules"];
        if repo.revision.is_some() {
            args.push("--no-checkout");
        }
        args.extend(["--", &repo.repository, &repo.directory]);
        git.run("clone", &args).await?;
        if let Some(revision) = &repo.revision {
            let args = ["-C", &repo.directory, "checkout", "--quiet", revision, "--"];
            git.run("checkout", &args).await?;
        }
        Ok(())
    };
    time::timeout(TIME_MAX, work).await.map_err(|_| GitError::TooLong)??;
    let (from, to) = (stage.to_owned(), target.to_owned());
    let settled = tokio::task::spawn_blocking(move || settle(&from, &to)).await;
    let failed = |source| GitError::Prepare { path: target.to_owned(), source };
    settled.map_err(|error| failed(error.into()))?.map_err(failed)
}

struct Git<'a> {
    program: &'a Utf8Path,
    repo: &'a GitRepo,
    stage: &'a Utf8Path,
}

impl Git<'_> {
    async fn run(&self, verb: &'static str, args: &[&str]) -> Result<(), GitError> {
        let mut child = self.command(args).spawn().map_err(GitError::Run)?;
        // The whole group, since git has helpers; also when nobody waits for it any more.
        let _group = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Group);
        let mut said = Vec::new();
        let stderr = child.stderr.take();
        let ended = async {
            if let Some(stderr) = stderr {
                stderr.take(COMPLAINT_MAX).read_to_end(&mut said).await?;
            }
            child.wait().await
        };
        let status = tokio::select! {
            status = ended => status.map_err(GitError::Run)?,
            () = self.outgrown() => return Err(GitError::TooLarge),
        };
        if status.success() {
            return Ok(());
        }
        let reason = self.complaint(&String::from_utf8_lossy(&said));
        Err(GitError::Failed { verb, reason })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command.arg("confine").arg(self.stage).arg("git");
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.args(args).env_clear().envs([
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("HOME", "/nonexistent"),
            ("LC_ALL", "C"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ALLOW_PROTOCOL", "http:https"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_LFS_SKIP_SMUDGE", "1"),
        ]);
        for proxy in ["http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY"] {
            if let Ok(value) = std::env::var(proxy) {
                command.env(proxy, value);
            }
        }
        if let Some((key, value)) = self.credentials() {
            command
                .env("GIT_CONFIG_COUNT", "1")
                .env("GIT_CONFIG_KEY_0", key)
                .env("GIT_CONFIG_VALUE_0", value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.kill_on_drop(true).process_group(0);
        command
    }

    /// Has git put user and token into the address when it connects, and nowhere else.
    fn credentials(&self) -> Option<(String, &str)> {
        let userinfo = self.repo.userinfo.as_deref()?;
        let (scheme, rest) = self.repo.repository.split_once("://")?;
        Some((format!("url.{scheme}://{userinfo}@{rest}.insteadOf"), &self.repo.repository))
    }

    /// Returns when the stage has become too large.
    async fn outgrown(&self) {
        loop {
            time::sleep(LOOK).await;
            let stage = self.stage.to_owned();
            let used = tokio::task::spawn_blocking(move || used(&stage)).await;
            if used.unwrap_or(0) > BYTES_MAX {
                return;
            }
        }
    }

    /// What it said last, on one line and without secrets.
    fn complaint(&self, said: &str) -> String {
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        let mut text = lines[lines.len().saturating_sub(3)..].join(" ");
        let userinfo = self.repo.userinfo.as_deref().unwrap_or_default();
        let secrets = [userinfo, userinfo.split_once(':').map_or("", |(_, token)| token)];
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            text = text.replace(secret, "***");
        }
        text
    }
}

/// A process group that is killed at the end.
struct Group(i32);

impl Drop for Group {
    fn drop(&mut self) {
        // An error means that it has ended, as it should have.
        let _ended = killpg(Pid::from_raw(self.0), Signal::SIGKILL);
    }
}

fn used(path: &Utf8Path) -> u64 {
    let entries = path.read_dir_utf8().into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.path().symlink_metadata() {
        Ok(meta) if meta.is_dir() => used(entry.path()),
        Ok(meta) => meta.blocks() * 512,
        Err(_) => 0,
    });
    sizes.sum()
}

/// Everything becomes root's, as a clone made by root would be, and the stage becomes the volume.
fn settle(stage: &Utf8Path, target: &Utf8Path) -> io::Result<()> {
    give_to_root(stage)?;
    fs::rename(stage, target)
}

/// Follows no links: only what is in the directory changes hands.
fn give_to_root(path: &Utf8Path) -> io::Result<()> {
    lchown(path, Some(0), Some(0))?;
    if path.symlink_metadata()?.is_dir() {
        for entry in path.read_dir_utf8()? {
            give_to_root(entry?.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repo() -> GitRepo {
        GitRepo {
            repository: "https://h.test/team/repo".to_owned(),
            userinfo: Some("me:s3cr3t".to_owned()),
            directory: "repo".to_owned(),
            revision: None,
        }
    }

    #[test]
    fn every_wish_has_a_directory_of_its_own_whoever_wishes() {
        let (one, mut other) = (repo(), repo());
        other.userinfo = None;
        assert_eq!(fingerprint(&one), fingerprint(&other));
        other.revision = Some("main".to_owned());
        assert_ne!(fingerprint(&one), fingerprint(&other));
    }

    #[test]
    fn complaints_and_command_lines_hold_no_secret() {
        let repo = repo();
        let git = Git { program: "/bin/wharf".into(), repo: &repo, stage: "/s".into() };
        let said = git.complaint("a\nb\n\nfatal: https://me:s3cr3t@h.test/x\nfatal: s3cr3t\n");
        assert_eq!(said, "b fatal: https://***@h.test/x fatal: ***");
        let command = git.command(&["clone", &repo.repository]);
        let line: Vec<_> = command.as_std().get_args().map(|a| a.to_string_lossy()).collect();
        assert!(!line.join(" ").contains("s3cr3t"), "{line:?}");
    }
}
