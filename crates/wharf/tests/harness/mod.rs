//! A daemon of one's own for every test: its own directories, port and address pool; stopped,
//! checked by the doctor and uninstalled at the end.

#![allow(
    dead_code,
    clippy::panic,
    clippy::allow_attributes,
    reason = "each test binary uses a part of it"
)]

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;

pub(crate) mod arm;
pub(crate) mod group;
pub(crate) mod ports;
pub(crate) mod registry;
pub(crate) mod repository;
pub(crate) mod schema;

/// The binary under test.
const WHARF: &str = env!("CARGO_BIN_EXE_wharf");
static POOLS: AtomicU8 = AtomicU8::new(0);

/// A running daemon.
pub(crate) struct Daemon {
    /// Removed last.
    own: Option<tempfile::TempDir>,
    dir: PathBuf,
    child: Option<Child>,
    args: Vec<String>,
}

impl Daemon {
    /// Starts a daemon and waits until it is ready.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The same with more arguments of `wharf serve`.
    pub(crate) fn with(more: &[&str]) -> Self {
        let own = tempfile::tempdir().unwrap();
        let dir = own.path().to_owned();
        let mut daemon = Self::at(&dir, more);
        daemon.own = Some(own);
        daemon
    }

    /// The same in a directory of the caller's.
    pub(crate) fn at(dir: &Path, more: &[&str]) -> Self {
        // A third byte for the process and one bit for the daemon, so that test programs that
        // run at one time do not meet.
        let number = POOLS.fetch_add(1, Ordering::Relaxed);
        let third = (std::process::id() % 128) as u8 * 2 + number % 2;
        // A test that takes long must not meet one that begins much later.
        let second = 210 + number / 16 % 16;
        let pool = format!("10.{second}.{third}.{}/27", (number / 2 % 8) * 32);
        let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
        let mut args = vec!["serve".to_owned()];
        for (flag, value) in [
            ("--data-dir", path("d").as_str()),
            ("--run-dir", path("r").as_str()),
            ("--listen", "127.0.0.1:0"),
            ("--address-pool", pool.as_str()),
            ("--grace-seconds", "2"),
            ("--registry-timeout-seconds", "2"),
        ] {
            if !more.contains(&flag) {
                args.extend([flag.to_owned(), value.to_owned()]);
            }
        }
        args.extend(more.iter().map(ToString::to_string));
        let mut daemon = Self { own: None, dir: dir.to_owned(), child: None, args };
        daemon.up(&[]);
        daemon
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.as_path()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.as_path().join("log")).unwrap_or_default()
    }

    /// Where it answers HTTPS.
    pub(crate) fn address(&self) -> String {
        let log = self.log();
        let ready = log.lines().rfind(|line| line.contains(" ready ")).unwrap();
        let address = ready.split_once("address=").unwrap().1;
        address.split(' ').next().unwrap().to_owned()
    }

    /// Starts the daemon with more environment.
    pub(crate) fn up(&mut self, environment: &[(&str, &str)]) {
        assert!(self.child.is_none(), "it runs already");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.as_path().join("log"))
            .unwrap();
        let child = Command::new(WHARF)
            .args(&self.args)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let is_ready =
            wait_for(Duration::from_secs(30), || self.http("/readyz").contains("ready\n"));
        assert!(is_ready, "the daemon did not get ready:\n{}", self.log());
    }

    /// What a path answers, through the socket.
    pub(crate) fn http(&self, path: &str) -> String {
        let output = Command::new("curl")
            .args(["-s", "--max-time", "10", "--unix-socket"])
            .arg(self.dir.as_path().join("r/wharf.sock"))
            .arg(format!("http://localhost{path}"))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Kills the daemon so that it cannot do anything more.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Whether the daemon has died by itself; then it can be started again.
    pub(crate) fn is_dead(&mut self) -> bool {
        let is_dead = self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some());
        if is_dead {
            self.child = None;
        }
        is_dead
    }

    /// Where its groups have their addresses from.
    pub(crate) fn pool(&self) -> String {
        let flag = self.args.iter().position(|arg| arg == "--address-pool").unwrap();
        self.args[flag + 1].clone()
    }

    /// What `wharf` is started with.
    pub(crate) fn serve_args(&self) -> Vec<String> {
        self.args.clone()
    }

    /// Process id of the daemon.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Runs a client command.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Where client commands find it.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix://{}", self.dir.join("r/wharf.sock").display())
    }

    /// A client command to be run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(WHARF);
        command
            .args(args)
            .env("WHARF_ENDPOINT", self.endpoint())
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .stdin(Stdio::null());
        command
    }

    /// A program to be run on a host where `wharf dns-setup --apply` was run: names of this daemon
    /// are known.
    pub(crate) fn with_names(&self, program: &Path) -> Command {
        let file = self.resolver();
        std::fs::write(&file, "").unwrap();
        // The host's file in a mount namespace of one's own, so that the host keeps its own.
        let script = "mount --bind \"$0\" /etc/resolv.conf && \
                      WHARF_ENDPOINT=$2 \"$1\" dns-setup --for resolv-conf --apply && \
                      shift 2 && exec \"$@\"";
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", script])
            .arg(file)
            .args([WHARF, &self.endpoint()])
            .arg(program);
        command
    }

    /// The resolver file of a program that is run with names.
    pub(crate) fn resolver(&self) -> PathBuf {
        self.dir.join("resolv.conf")
    }

    /// Runs a client command that must succeed; returns what it printed.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "wharf {args:?}: {out}{err}\n{}", self.log());
        out
    }

    /// Runs a client command that must fail; returns its exit code and what it complained.
    pub(crate) fn fails(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(args);
        assert!(!output.status.success(), "wharf {args:?} succeeded: {}", text(&output.stdout));
        (output.status.code().unwrap(), text(&output.stderr))
    }

    /// The document of a group.
    pub(crate) fn show(&self, name: &str) -> Value {
        let document = serde_json::from_str(&self.ok(&["show", name, "-o", "json"])).unwrap();
        let complaints = schema::complaints_of("ContainerGroup", &document);
        assert!(complaints.is_empty(), "{complaints:#?}\n{document:#}");
        document
    }

    /// The instance view's state of a group.
    pub(crate) fn state(&self, name: &str) -> String {
        self.show(name)["properties"]["instanceView"]["state"].as_str().unwrap().to_owned()
    }

    pub(crate) fn wait_for_state(&self, name: &str, state: &str) {
        let reached = wait_for(Duration::from_secs(30), || self.state(name) == state);
        assert!(reached, "{name} is not {state}:\n{:#}\n{}", self.show(name), self.log());
    }

    /// The instance view of a container.
    pub(crate) fn view(&self, name: &str, index: usize) -> Value {
        self.show(name)["properties"]["containers"][index]["properties"]["instanceView"].clone()
    }

    /// The address of a group.
    pub(crate) fn ip(&self, name: &str) -> String {
        self.show(name)["properties"]["ipAddress"]["ip"].as_str().unwrap().to_owned()
    }

    /// Removes all groups; afterwards the doctor must be content and no file of a group be left.
    pub(crate) fn clear(&self) {
        for (resource_group, name) in groups(&self.ok(&LIST)) {
            self.ok(&["delete", &name, "-g", &resource_group, "--yes"]);
        }
        let is_clean = wait_for(Duration::from_secs(10), || self.run(&["doctor"]).status.success());
        assert!(is_clean, "{}\n{}", text(&self.run(&["doctor"]).stdout), self.log());
        for place in ["d/groups", "r/groups"] {
            let left = std::fs::read_dir(self.dir.as_path().join(place)).unwrap().count();
            assert_eq!(left, 0, "files are left in {place}");
        }
    }

    /// Asks the daemon to stop and waits until it has.
    pub(crate) fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        Command::new("kill").arg(child.id().to_string()).status().unwrap();
        child.wait().unwrap();
    }

    fn uninstall(&mut self) {
        self.stop();
        let output = Command::new(WHARF).args(&self.args).arg("--uninstall").output().unwrap();
        let is_told = output.status.success() || std::thread::panicking();
        assert!(is_told, "uninstall: {}", text(&output.stderr));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.child.is_none() {
            self.up(&[]);
        }
        if std::thread::panicking() {
            // Leave as little as possible, and tell about the test, not about this.
            for (resource_group, name) in groups(&text(&self.run(&LIST).stdout)) {
                self.run(&["delete", &name, "-g", &resource_group, "--yes"]);
            }
        } else {
            self.clear();
        }
        self.uninstall();
    }
}

/// Tells the ids of all groups.
const LIST: [&str; 5] = ["list", "-o", "tsv", "--query", "[].id"];

/// Resource group and name of every group in a list of ids.
fn groups(ids: &str) -> Vec<(String, String)> {
    let segments = ids.lines().map(|id| id.split('/').collect::<Vec<_>>());
    segments.filter_map(|id| Some(((*id.get(4)?).to_owned(), (*id.last()?).to_owned()))).collect()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether a predicate comes true in time.
#[expect(clippy::disallowed_methods, reason = "the one place where tests wait")]
pub(crate) fn wait_for(limit: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if is_true() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a URL answers.
pub(crate) fn curl(url: &str) -> String {
    let args =
        ["-s", "--max-time", "5", "--retry", "10", "--retry-connrefused", "--retry-delay", "1"];
    text(&Command::new("curl").args(args).arg(url).output().unwrap().stdout)
}
