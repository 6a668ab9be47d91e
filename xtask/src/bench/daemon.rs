//! The daemon that is measured.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::http;

/// Ships inside Wharf, with busybox in it.
pub(super) const IMAGE: &str = "mcr.microsoft.com/azuredocs/aci-wordcount";
/// The same, with a small web server.
pub(super) const HELLO: &str = "mcr.microsoft.com/azuredocs/aci-helloworld";
/// Its own address among those of its groups.
pub(super) const GATEWAY: &str = "10.208.0.1";
/// Groups that pay for what is done once.
const WARM_UP: usize = 5;
pub(super) const WHARF: &str = "target/release/wharf";

/// A daemon with directories of its own.
pub(super) struct Daemon {
    child: Child,
    dir: PathBuf,
    pub(super) socket: PathBuf,
    /// Where it answers HTTPS.
    pub(super) address: SocketAddr,
    pub(super) subscription: String,
}

impl Daemon {
    pub(super) fn start() -> Result<Self> {
        let dir = PathBuf::from(format!("/var/tmp/wharf-bench-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = spawn(&dir, address)?;
        let socket = dir.join("r/wharf.sock");
        let mut daemon = Self { child, dir, socket, address, subscription: String::new() };
        daemon.wait_until_ready()?;
        let list =
            http::request(&daemon.socket, "GET", "/subscriptions?api-version=2022-12-01", None)?;
        let id = list.body["value"][0]["subscriptionId"].as_str().context("no subscription")?;
        id.clone_into(&mut daemon.subscription);
        let home = format!("/subscriptions/{id}/resourceGroups/bench?api-version=2024-11-01");
        http::request(&daemon.socket, "PUT", &home, Some(&json!({ "location": "local" })))?;
        Ok(daemon)
    }

    /// Pulls the image, and lets the first group pay for everything that is done once.
    pub(super) fn warm_up(&self) -> Result<()> {
        let pull = json!({ "reference": IMAGE });
        http::request(&self.socket, "POST", "/wharf/v1/images/pull", Some(&pull))?;
        for n in 0..WARM_UP {
            let path = self.group(&format!("warm-{n}"));
            http::request(
                &self.socket,
                "PUT",
                &path,
                Some(&super::body(&["sleep", "1000"], super::ALONE)),
            )?;
            http::request(&self.socket, "DELETE", &path, None)?;
        }
        Ok(())
    }

    /// The path of a group.
    pub(super) fn group(&self, name: &str) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/bench/providers/Microsoft.ContainerInstance/\
             containerGroups/{name}?api-version=2025-09-01",
            self.subscription
        )
    }

    /// Waits until an operation has ended; returns its last state.
    pub(super) fn wait(&self, operation: &str) -> Result<Value> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let state = http::request(&self.socket, "GET", operation, None)?.body;
            match state["status"].as_str() {
                Some("Succeeded") => return Ok(state),
                Some("Failed" | "Canceled") => bail!("the operation ended as {state}"),
                _ => ensure!(Instant::now() < deadline, "the operation does not end: {state}"),
            }
            pause(Duration::from_millis(2));
        }
    }

    pub(super) fn wait_until_running(&self, groups: usize) -> Result<()> {
        for n in 0..groups {
            let path = self.group(&format!("many-{n}"));
            let deadline = Instant::now() + Duration::from_mins(1);
            loop {
                let group = http::request(&self.socket, "GET", &path, None)?.body;
                if group["properties"]["instanceView"]["state"] == "Running" {
                    break;
                }
                ensure!(Instant::now() < deadline, "group {n} does not run: {group}");
                pause(Duration::from_millis(5));
            }
        }
        Ok(())
    }

    /// How long it took to connect each group so far, but those of the warm-up, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "microseconds")]
    pub(super) fn connected(&self) -> Result<Vec<f64>> {
        let log = std::fs::read_to_string(self.dir.join("log"))?;
        let micros = log.lines().filter_map(|line| {
            let (_, micros) = line.split_once("micros=")?;
            micros.split_whitespace().next()?.parse::<u64>().ok()
        });
        let all: Vec<f64> = micros.skip(WARM_UP).map(|micros| micros as f64 / 1e3).collect();
        ensure!(!all.is_empty(), "the log tells of no group that was connected");
        Ok(all)
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        self.dir.join("d")
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Process ids of all shims of this daemon.
    pub(super) fn shims(&self) -> Result<Vec<u32>> {
        let mut pids = Vec::new();
        for group in std::fs::read_dir(self.dir.join("r/groups"))?.flatten() {
            let text = std::fs::read_to_string(group.path().join("shim.pid"))?;
            pids.push(text.trim().parse()?);
        }
        Ok(pids)
    }

    /// Pages of a process that nobody shares, in KiB.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    pub(super) fn private_kib(pid: u32) -> Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let private = text.lines().filter(|line| line.starts_with("Private_"));
        let kib = private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        Ok(kib.sum::<u64>() as f64)
    }

    /// Kills the daemon and starts another, until that has looked at every group.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.child = spawn(&self.dir, self.address)?;
        self.wait_until_ready()
    }

    fn wait_until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while http::request(&self.socket, "GET", "/readyz", None).is_err() {
            ensure!(
                Instant::now() < deadline,
                "the daemon does not get ready; see {}",
                self.dir.display()
            );
            pause(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Checks that nothing is left, and removes the daemon itself.
    pub(super) fn finish(mut self) -> Result<()> {
        let report = http::request(&self.socket, "GET", "/wharf/v1/doctor", None)?.body;
        ensure!(report["clean"] == true, "the doctor is not content: {report:#}");
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        self.child.wait()?;
        let status =
            command(&self.dir, self.address).arg("--uninstall").stderr(Stdio::null()).status()?;
        ensure!(status.success(), "uninstalling failed");
        std::fs::remove_dir_all(&self.dir)?;
        Ok(())
    }
}

fn command(dir: &Path, address: SocketAddr) -> Command {
    let mut command = Command::new(WHARF);
    command
        .arg("serve")
        .arg("--data-dir")
        .arg(dir.join("d"))
        .arg("--run-dir")
        .arg(dir.join("r"))
        .args([
            "--listen",
            &address.to_string(),
            "--address-pool",
            "10.208.0.0/20",
            "--log",
            // Tells how long it took to connect each group.
            "warn,wharf_runtime::network=debug",
        ]);
    command
}

fn spawn(dir: &Path, address: SocketAddr) -> Result<Child> {
    let log = std::fs::File::create(dir.join("log"))?;
    command(dir, address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .with_context(|| format!("start {WHARF}; run `cargo build --release -p wharf` first"))
}

#[expect(clippy::disallowed_methods, reason = "nothing else runs on this thread")]
pub(super) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
