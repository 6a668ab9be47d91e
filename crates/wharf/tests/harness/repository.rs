//! Git repositories on loopback, as any web server offers them ("dumb" HTTP), and a web server.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// A repository with a history, served while this lives.
pub(crate) struct Repository {
    dir: tempfile::TempDir,
    pub(crate) address: String,
    is_up: Arc<AtomicBool>,
}

impl Repository {
    /// An empty repository at `http://<address>/team/<name>.git`. With a password, only who says
    /// it is served.
    pub(crate) fn new(name: &str, authorization: Option<&'static str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("{}/team/{name}.git", listener.local_addr().unwrap());
        let this = Self { dir, address, is_up: Arc::new(AtomicBool::new(true)) };
        std::fs::create_dir(this.work()).unwrap();
        this.git(&["init", "--quiet", "--initial-branch=main"]);
        let (root, is_up, name) =
            (this.work().join(".git"), Arc::clone(&this.is_up), format!("/team/{name}.git/"));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let root = is_up.load(Ordering::Relaxed).then_some(root.as_path());
                serve(&connection, root, &name, authorization);
            }
        });
        this
    }

    /// Where files are put before they are committed.
    pub(crate) fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// Commits everything in the working directory; returns the commit.
    pub(crate) fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "change"]);
        self.git(&["update-server-info"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Whether it answers at all.
    pub(crate) fn serve(&self, is_up: bool) {
        self.is_up.store(is_up, Ordering::Relaxed);
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.work())
            .args(["-c", "user.name=t", "-c", "user.email=t@t.test", "-c", "commit.gpgsign=false"])
            .args(args)
            .output()
            .expect("git is installed");
        assert!(output.status.success(), "{args:?}: {}", super::text(&output.stderr));
        super::text(&output.stdout).trim().to_owned()
    }
}

/// Answers one request with a file below `root`.
fn serve(connection: &TcpStream, root: Option<&Path>, prefix: &str, authorization: Option<&str>) {
    let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default().strip_prefix(prefix);
    let is_allowed = authorization.is_none_or(|wanted| {
        headers.iter().any(|line| line.eq_ignore_ascii_case(&format!("authorization: {wanted}")))
    });
    let file = root.zip(path).and_then(|(root, path)| std::fs::read(root.join(path)).ok());
    let (status, body) = match file {
        _ if !is_allowed => ("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"t\"", vec![]),
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", vec![]),
    };
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let mut connection = connection;
    // Whoever has gone does not want it.
    drop(connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(&body)));
}
