//! A Samba server of one's own: Debian's `smbd` on a port of the loopback.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    net::TcpStream,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

const SMBD: &str = "/usr/sbin/smbd";

/// The account that its shares are used by.
pub(crate) const ACCOUNT: &str = "wharfnas";
/// What opens them.
pub(crate) const KEY: &str = "c2FtYmEncyBvd24ga2V5LCBub3QgYSBzZWNyZXQ=";

/// A server and the directory that its share `docs` is.
pub(crate) struct Samba {
    dir: tempfile::TempDir,
    pub(crate) port: u16,
    child: Option<Child>,
}

/// Whether there is anything to start.
pub(crate) fn is_installed() -> bool {
    Path::new(SMBD).exists()
}

impl Samba {
    /// A server that runs.
    pub(crate) fn start() -> Self {
        let mut samba = Self::stopped();
        samba.up();
        samba
    }

    /// The same, not yet started.
    pub(crate) fn stopped() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = crate::ports::free();
        let samba = Self { dir, port, child: None };
        for name in ["share", "state"] {
            fs::create_dir(samba.path(name)).unwrap();
        }
        // Samba has passwords of users of the host only.
        fs::write(samba.path("users"), format!("root = {ACCOUNT}\n")).unwrap();
        fs::write(samba.path("smb.conf"), samba.config()).unwrap();
        let mut child = Command::new("smbpasswd")
            .args(["-L", "-s", "-a", "-c"])
            .args([samba.path("smb.conf").as_os_str(), "root".as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        write!(stdin, "{KEY}\n{KEY}\n").unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success(), "smbpasswd");
        samba
    }

    fn config(&self) -> String {
        let mut text = format!(
            "[global]\nsecurity = user\nmap to guest = never\nserver min protocol = SMB3\n\
             server smb encrypt = required\ndisable netbios = yes\nload printers = no\n\
             interfaces = lo\nbind interfaces only = yes\nsmb ports = {}\nmax log size = 0\n\
             username map = {}\nlog file = {}\npassdb backend = tdbsam:{}\n",
            self.port,
            self.path("users").display(),
            self.path("log").display(),
            self.path("state/passdb.tdb").display(),
        );
        for option in [
            "private dir",
            "lock directory",
            "state directory",
            "cache directory",
            "pid directory",
            "ncalrpc dir",
        ] {
            writeln!(text, "{option} = {}", self.path("state").display()).unwrap();
        }
        let share = self.path("share");
        write!(
            text,
            "[docs]\npath = {}\nread only = no\nforce user = root\ncreate mask = 0777\n",
            share.display()
        )
        .unwrap();
        text
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file of the share, as the server's host sees it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path("share").join(name)
    }

    /// Where it is, for `--smb-server`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it and waits until it listens.
    pub(crate) fn up(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let config = self.path("smb.conf");
        let child = Command::new(SMBD)
            .args(["--foreground", "--no-process-group", "--configfile"])
            .arg(config)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap());
        let address = self.address();
        assert!(wait_until(|| TcpStream::connect(&address).is_ok()), "smbd does not listen");
    }

    /// Sends a signal to the server and all its processes.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            killpg(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
        }
    }

    /// Ends it as a crash of its host would, with all its connections.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        if let Some(mut child) = self.child.take() {
            child.wait().unwrap();
        }
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for what comes soon, and much longer on a machine that has other things to do.
#[expect(clippy::disallowed_methods, reason = "a test without a runtime")]
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !is_so() {
        if begun.elapsed() > Duration::from_mins(2) {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
    true
}
